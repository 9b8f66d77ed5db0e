"""SampLeNet, the toy network of the Open Model Zoo for CIFAR-10: LeNet (LeCun et al. 1998) on colour pictures."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class SampLeNet(nn.Module):  # type: ignore[misc]
    """A classifier of pictures of 32 x 32 pixels; logits [N, classes]."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of pictures [N, 3, 32, 32]."""
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = functional.relu(self.fc1(torch.flatten(x, 1)))
        logits: torch.Tensor = self.fc3(functional.relu(self.fc2(x)))
        return logits


def samplenet(*, classes: int) -> SampLeNet:
    """Make a SampLeNet."""
    return SampLeNet(classes)
