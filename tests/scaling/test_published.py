"""Efficiencies that others have published, and what the model says of their machine."""

import numpy as np
import pytest

from pdekit.scaling.published import efficiency, horovod


class Steady:
    """A network that takes a second for ten bytes, whatever the ranks."""

    def allreduce(self, bytes: float, ranks: np.ndarray) -> np.ndarray:
        return np.where(np.asarray(ranks) > 1, bytes / 10, 0.0)


def test_horovod_has_its_order_and_its_shape() -> None:
    """Published: 90 % for Inception V3 and ResNet-101 on 128 and 512 GPUs, 79 and 68 % for VGG-16."""
    found = horovod()
    assert found["gpus"].tolist() == [128] * 3 + [512] * 3
    for name in ("with_overlap", "without_overlap"):
        inception, resnet, vgg = found[name].reshape(2, 3).T
        assert np.all(inception > resnet - 0.05) and np.all(resnet > vgg + 0.15)
        losses = np.array([one[0] - one[1] for one in (inception, resnet, vgg)])
        assert np.all(losses > 0) and losses.argmax() == 2  # VGG-16 loses most from 128 to 512
    np.testing.assert_allclose(found["with_overlap"], found["efficiency"], atol=0.07)
    assert np.all(found["without_overlap"] < found["efficiency"])


@pytest.mark.parametrize(
    ("gradient", "overlap", "expected"),
    [
        (10.0, False, 6 / (6 + 1.0)),
        (10.0, True, 6 / 7),  # one message: nothing is ready before the end
        (40.0, False, 6 / (6 + 4)),
        (40.0, True, 6 / (6 + 1)),  # ready at 3, 4, 5 and 6, a second each: the last one is left
        (80.0, True, 6 / (2 + 0.5 + 8)),  # ready each half second: the first, then all behind each other
    ],
)
def test_messages_follow_each_other_while_backward_goes_on(
    gradient: float, overlap: bool, expected: float
) -> None:
    """By hand: a step of 6 s, 2 of them forward; messages of 10 bytes, a second each. One rank has none."""
    found = efficiency(6.0, gradient, [1, 2], Steady(), overlap, fused=10.0)
    np.testing.assert_allclose(found, [1.0, expected], rtol=1e-12)


def test_what_is_not_above_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="gradient: expected a finite number above 0"):
        efficiency(1.0, 0.0, 2, Steady())
