"""Steps that turn the weights of registry packages into the bundled ONNX files."""
