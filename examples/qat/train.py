"""Train a network on scikit-learn's digits, quantise it after training and while training, and write programs.

For each width it prints the score of the float network, of the network quantised after training (PTQ) and of the one
trained with quantisation (QAT), and writes the last one as NETWORK_wBITS.hwq.  Needs the extra ``hwq[train]``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from networks import NETWORKS
from torch import Tensor, nn
from torch.nn import functional

import hwq.api as hwq
import hwq.torch as training_for_hwq
from hwq.quant.config import ScaleKind
from hwq.torch import Method, Network, TrainConfig

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import training

BATCH = 64
FLOAT_RATE = 5e-3
RATE = 2e-3
SCALE_RATE = 1e-2
DECAY = 1e-4
EDGES = ("stem_conv", "logits")
EDGE_BITS = 8
"""Weights of the first and of the last layer, where others have fewer than 4 bits."""
BITS = {"binary": 1, "ternary": 2}
"""Networks of one width."""


def fit(net: nn.Module, groups: list[dict[str, object]], image: Tensor, label: Tensor, epochs: int) -> None:
    """Train by cross entropy; a network of hwq is frozen for the last third."""
    net.train()
    optimizer = torch.optim.AdamW(groups)
    generator = torch.Generator().manual_seed(training.SEED)
    steps = epochs * -(-len(image) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for epoch in range(epochs):
        if isinstance(net, Network) and epoch == 2 * epochs // 3:
            net.freeze()
        for index in torch.randperm(len(image), generator=generator).split(BATCH):
            loss = functional.cross_entropy(net(training.augment(image[index], generator)), label[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    net.eval()


@torch.no_grad()
def score(net: nn.Module, image: Tensor, label: Tensor) -> float:
    """Percentage of images that are recognised."""
    net.eval()
    return 100.0 * float((net(image).argmax(1) == label).double().mean())


def configuration(bits: int, method: str, scale: str, clusters: int) -> TrainConfig:
    """Weights and activations of `bits` bits."""
    config = TrainConfig(
        weight_bits=bits, act_bits=bits, method=Method(method), scale=ScaleKind(scale), clusters=clusters
    )  # fmt: skip
    if bits < 4:
        for layer in EDGES:
            config = config.with_rule(layer, weight_bits=EDGE_BITS)
    return config


def main() -> int:
    """Train as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--network", choices=sorted(NETWORKS), default="cnn")
    parser.add_argument("--bits", type=int, nargs="+", default=[4], help="of weights and activations")
    parser.add_argument("--method", choices=[method.value for method in Method], default="tqt")
    parser.add_argument("--scale", choices=["pow2", "fixed"], default="pow2")
    parser.add_argument("--clusters", type=int, default=0, help="values that the weights of a layer share, 0: no table")
    parser.add_argument("--float-epochs", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=30, help="with quantisation")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/qat"), help="folder for what is written")
    arguments = parser.parse_args()
    torch.manual_seed(training.SEED)
    torch.set_num_threads(1)

    images, labels, test_images, test_labels = (torch.from_numpy(part) for part in training.load_split())
    net = NETWORKS[arguments.network]()
    fit(net, [{"params": net.parameters(), "lr": FLOAT_RATE}], images, labels, arguments.float_epochs)
    exact = score(net, test_images, test_labels)
    arguments.output.mkdir(parents=True, exist_ok=True)
    table = f"_c{arguments.clusters}" if arguments.clusters else ""
    for bits in [BITS[arguments.network]] if arguments.network in BITS else arguments.bits:
        config = configuration(bits, arguments.method, arguments.scale, arguments.clusters)
        network = training_for_hwq.prepare(net, images[:256], config, arguments.network)
        training_for_hwq.calibrate(network, [images])
        after = score(network, test_images, test_labels)
        groups = training_for_hwq.parameter_groups(network, RATE, SCALE_RATE, DECAY)
        fit(network, groups, images, labels, arguments.epochs)
        trained = score(network, test_images, test_labels)
        program = training_for_hwq.convert(network)
        path = arguments.output / f"{arguments.network}_w{bits}{table}.hwq"
        hwq.save_program(program, path)
        simulated = hwq.simulate(program, {program.inputs[0].name: test_images.numpy()})["logits"]
        equal = bool((torch.from_numpy(simulated).float() == network(test_images).detach()).all())
        print(
            f"{arguments.network}, {bits} bits: float {exact:.2f} %, PTQ {after:.2f} %, QAT {trained:.2f} %; "
            f"{path}, {'equal to' if equal else 'DIFFERENT from'} the network on all {len(test_labels)} test images"
        )
        if not equal:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
