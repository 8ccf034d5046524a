"""Words and exit codes of the real program."""

from __future__ import annotations

OK, BAD_ARGUMENT, NOT_SUPPORTED, NO_PERMISSION, NOT_FOUND = 0, 2, 3, 4, 6
NOT_LOADED, LOST, MISMATCH, OTHER = 9, 15, 18, 255

NO_DRIVER = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. "
    "Make sure that the latest NVIDIA driver is installed and running.\n"
)
NO_DEVICES = "No devices were found"
NOT_ROOT = """Unable to set persistence mode for GPU {pci}: Insufficient Permissions
Terminating early due to previous errors."""
IN_USE = """The following GPUs could not be reset:
  GPU {pci}: In use by another client

1 device is currently being used by one or more other processes (e.g., Fabric Manager, CUDA application, \
graphics application such as an X server, or a monitoring application such as another instance of \
nvidia-smi). Please first kill all processes using this device and all compute applications running in the \
system."""
RESET_NOT_PERMITTED = """The following GPUs could not be reset:
  GPU {pci}: Insufficient Permissions

1 device could not be reset because of insufficient permissions."""
RESET_NOT_SUPPORTED = """The following GPUs could not be reset:
  GPU {pci}: Not Supported

1 device does not support a reset."""
RESET_DONE = "GPU {pci} was successfully reset."
ALL_DONE = "All done."


class Answer(Exception):
    """End the program with this text and exit code."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.text, self.code = text, code


def lost(pci: str) -> Answer:
    """Answer for a device that fell off the bus."""
    short = pci.removeprefix("0000")
    handle = f"Unable to determine the device handle for GPU{short}: "
    return Answer(handle + "GPU is lost.  Reboot the system to recover this GPU", LOST)


def mismatch(version: str) -> Answer:
    """Answer after the driver's packages were updated under the running module."""
    library = ".".join(version.split(".")[:2])
    text = f"Failed to initialize NVML: Driver/library version mismatch\nNVML library version: {library}"
    return Answer(text, MISMATCH)
