"""Sound: reading reference recordings safely, judging speech, resampling, encoding."""
