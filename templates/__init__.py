"""The hand-written RTL library and the templates that instantiate it, installed as ``hwq.templates``."""
