"""Whatever fits the API's own description is answered as the description says, and never with a crash."""

import hypothesis
import pytest
import schemathesis

from tts_app.web.app import create_app, wrapped

EXAMPLES = 25
OPERATIONS = [
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /v1/voices",
    "GET /v1/batches",
    "GET /v1/batches/{batch_id}",
    "GET /v1/batches/{batch_id}/result",
    "POST /v1/audio/speech",
    "POST /v1/batches",
    "POST /v1/batches/{batch_id}/cancel",
]
CHECKS = [
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.status_code_conformance,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_schema_conformance,
]


@pytest.fixture
def operations(make_context):
    context = make_context(queue_limit=8)
    app = wrapped(create_app(context, with_page=False), context)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    return {found.label: found for found in (result.ok() for result in schema.get_all_operations())}


def test_the_description_is_complete(operations):
    assert sorted(operations) == sorted(OPERATIONS)


@pytest.mark.parametrize("label", OPERATIONS)
def test_an_operation_keeps_its_promises(operations, label):
    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operations[label].as_strategy())
    def keeps_them(case):
        case.call_and_validate(checks=CHECKS)

    keeps_them()
