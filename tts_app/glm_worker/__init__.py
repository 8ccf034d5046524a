"""The process that holds GLM-TTS. Runs under GLM-TTS's own interpreter, not the service's.

It may import only the standard library, numpy, torch and the GLM-TTS checkout (Python 3.10 or newer); the
service's side is tts_app/engines/glm.py. Both speak protocol.py over pipes.
"""
