"""Files of torch.save and what is in them, for Tests/CheckpointsTests/TorchFileTests.swift.

Run by hand, with a Python that has torch: python Tests/Goldens/torch_file.py
"""

import json
import pathlib
from collections import OrderedDict

import torch

folder = pathlib.Path(__file__).parent / "TorchFile"
folder.mkdir(exist_ok=True)
base = torch.arange(24, dtype=torch.float32) / 8 - 1
linear = torch.nn.Linear(3, 2)
with torch.no_grad():
    linear.weight.copy_(base[:6].reshape(2, 3))
    linear.bias.copy_(base[6:8])

state = OrderedDict(
    half=base[:6].reshape(2, 3).half(),
    brain=base[:6].bfloat16(),
    double=base[:2].double(),
    position_ids=torch.arange(5)[None],
    small=torch.tensor([1, -2], dtype=torch.int32),
    flags=torch.tensor([True, False, True]),
    bytes=torch.tensor([0, 255], dtype=torch.uint8),
    scalar=torch.tensor(2.5),
    empty=torch.zeros(0, 4),
    # Views of one storage: from its middle, transposed, every other column, a row seen as a column.
    shared=base[4:10],
    transposed=base.reshape(4, 6).t(),
    columns=base.reshape(4, 6)[1:, 1::2],
    permuted=base.reshape(2, 3, 4).permute(2, 0, 1),
    parameter=torch.nn.Parameter(base[:3].clone()),
)
state.update({f"linear.{name}": value for name, value in linear.state_dict().items()})

files = {
    "state.bin": state,
    "module.bin": linear.state_dict(),
    "nested.pt": {"state_dict": linear.state_dict(), "epoch": 3, "rate": 0.25, "note": "x" * 300, "large": 1 << 40},
    "list.pt": [base[:4].reshape(2, 2), base[:4].half(), linear.weight],
}
expected = {}
for name, value in files.items():
    torch.save(value, folder / name)
    tensors = value.get("state_dict", value) if isinstance(value, dict) else dict(enumerate(value))
    expected[name] = {
        str(key): {"shape": list(t.shape), "values": t.detach().double().flatten().tolist()}
        for key, t in tensors.items()
        if isinstance(t, torch.Tensor)
    }
(folder / "expected.json").write_text(json.dumps(expected) + "\n")
# Not a dictionary of tensors but a whole module: refused, as loading it would run what the file says.
torch.save(linear, folder / "module-object.bin")
torch.save(state, folder / "legacy.bin", _use_new_zipfile_serialization=False)
