"""Package description; tool settings are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "sjft_tf/__init__.py").read_text()).group(1)

DATASETS = ["tensorflow-datasets>=4.9"]
APPROXIMATE = ["faiss-cpu>=1.8"]
CONFIDENT = ["cleanlab>=2.6"]
CLUSTER = ["distributed>=2026.8"]
HEIC = ["pillow-heif>=0.18"]
HUB = ["keras-hub>=0.32", "keras>=3"]
AVIF = ["pillow>=11.3"]
# 1.19.0 does not say that it needs a newer ml_dtypes than TensorFlow 2.15 allows.
ONNX = ["onnx>=1.17,!=1.19.0", "onnxruntime>=1.20", "tf2onnx>=1.17"]
TEST = [
    "pytest>=8",
    "pytest-xdist>=3.5",
    "hypothesis>=6.100",
    *DATASETS,
    *APPROXIMATE,
    *CONFIDENT,
    *CLUSTER,
    *HEIC,
    *ONNX,
]

setup(
    name="sjft_tf",
    version=VERSION,
    description="Selective joint fine-tuning in Keras/TensorFlow: transfer learning by borrowing data",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    # scripts/ and flags/ stay at the top of the checkout, where a reader looks for them; inside the installed
    # package they are sjft_tf.scripts and sjft_tf.flags, so that nothing else's names are taken.
    packages=[*find_packages(include=["sjft_tf", "sjft_tf.*"]), "sjft_tf.scripts", "sjft_tf.flags"],
    package_dir={"sjft_tf.scripts": "scripts", "sjft_tf.flags": "flags"},
    package_data={"sjft_tf.flags": ["*.cfg"], "sjft_tf.report": ["templates/*"]},
    install_requires=[
        "tensorflow>=2.15.1",
        "keras>=2.15",
        "numpy>=1.23",
        "scipy>=1.10",
        "scikit-learn>=1.3",
        "numba>=0.62",
        "llvmlite>=0.45",
        "absl-py>=1.4",
        "tensorboard>=2.15",
        "pillow>=10",
        "matplotlib>=3.7",
        "jinja2>=3.1",
        "tqdm>=4.60",
    ],
    extras_require={
        "addons": ["tensorflow==2.15.1", "keras==2.15.0", "tensorflow-addons==0.23.0", "numpy<2"],
        "datasets": DATASETS,
        "approximate": APPROXIMATE,
        "confident": CONFIDENT,
        "cluster": CLUSTER,
        "heic": HEIC,
        "hub": HUB,
        "avif": AVIF,
        "onnx": ONNX,
        "test": TEST,
        "dev": [*TEST, "ruff>=0.6", "mypy>=1.10"],
    },
    entry_points={
        "console_scripts": [
            f"sjft-{name} = sjft_tf.scripts.{name}:run"
            for name in (
                *("train", "extract", "retrieve", "evaluate", "export", "predict"),
                *("audit", "prune", "compare", "report", "advise", "demo"),
                *("probe", "patches", "transferability", "factors"),
            )
        ]
    },
    classifiers=[
        "Programming Language :: Python :: 3",
        *(f"Programming Language :: Python :: {version}" for version in ("3.11", "3.12", "3.13")),
        "License :: OSI Approved :: Apache Software License",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
