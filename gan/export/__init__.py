"""Generators for other programs: ONNX."""
