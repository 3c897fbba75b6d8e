"""The formats in which a trained network is exported; every one but the SavedModel is a single file."""

EXPORT_FORMATS = {"saved_model": "", "keras": ".keras", "tflite": ".tflite", "onnx": ".onnx"}
"""By name, the ending of their files; the SavedModel is a folder."""
QUANTIZATIONS = ("none", "float16", "int8")
"""In what a TFLite file keeps weights."""
