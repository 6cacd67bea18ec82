"""Makes testdata/ anew: every model, its requests, its answers, and the manifest. About a minute."""
import importlib

import zoo

for module in ("sklearn_models", "boosting_models", "torch_models", "quantized_models", "independent_models", "traps_values", "traps_shapes"):
    importlib.import_module(module).make()
zoo.write_manifest()
