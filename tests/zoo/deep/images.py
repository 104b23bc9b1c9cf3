"""Networks on images: of torchvision where those can be small, written out where not."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import models as vision
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.efficientnet import MBConvConfig
from torchvision.models.mobilenetv3 import InvertedResidualConfig

from deep.network import Network, normal, prepared, through_both
from deep.rows import MANY_ROWS

CLASSES = 10


def models() -> dict:
    networks = {
        "resnet": lambda: classifier(ResNet(), 32),
        "mobilenet-v2": lambda: classifier(vision.mobilenet_v2(num_classes=CLASSES, width_mult=0.25), 48),
        "mobilenet-v3": lambda: classifier(mobilenet_v3(), 48),
        "efficientnet": lambda: classifier(efficientnet(), 48),
        "convnext": lambda: classifier(convnext(), 48),
        "densenet": lambda: classifier(densenet(), 40),
        "shufflenet": lambda: classifier(vision.shufflenet_v2_x0_5(num_classes=CLASSES), 48),
        "squeezenet": lambda: classifier(vision.squeezenet1_1(num_classes=CLASSES), 48),
        "vit": lambda: classifier(vit(), 32),
        "swin": lambda: classifier(swin(), 32),
        "lenet": lambda: classifier(lenet(), 28, channels=1),
        "u-net": lambda: anywhere(UNet(), (2, 3, 32, 48), (1, 3, 16, 16), (1, 3, 64, 32), (MANY_ROWS, 3, 16, 24)),
        "segmentation": lambda: anywhere(
            Segmentation(), (2, 3, 33, 47), (1, 3, 64, 64), (3, 3, 20, 31), (MANY_ROWS, 3, 17, 22)
        ),
        "super-resolution": lambda: anywhere(
            SuperResolution(), (2, 1, 12, 17), (1, 1, 24, 24), (MANY_ROWS, 1, 11, 9)
        ),
        "detector": lambda: anywhere(Detector(), (2, 3, 32, 64), (1, 3, 64, 64), (MANY_ROWS, 3, 32, 40)),
        "autoencoder": lambda: classifier(autoencoder(), 28, channels=1),
        "pooling": lambda: classifier(Pooling(), 31),
        "normalized": lambda: classifier(normalized(), 24),
        "video": lambda: fixed(video(), (1, 3, 6, 16, 16)),
    }
    return through_both(networks)


def classifier(module: nn.Module, side: int, channels: int = 3) -> Network:
    """Any number of images of one size."""
    cases = [{"image": normal(count, count, channels, side, side)} for count in (3, 1, 2, MANY_ROWS)]
    return Network(prepared(module), cases, {"image": {0: "batch"}})


def anywhere(module: nn.Module, *shapes: tuple) -> Network:
    """Images of any size, each case of one."""
    cases = [{"image": normal(seed, *shape)} for seed, shape in enumerate(shapes)]
    return Network(prepared(module), cases, {"image": {0: "batch", 2: "height", 3: "width"}})


def fixed(module: nn.Module, shape: tuple) -> Network:
    """What is exported without a word about axes: a case for each row."""
    return Network(prepared(module), [{"image": normal(seed, *shape)} for seed in range(1, MANY_ROWS + 1)])


def convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU())


class Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.first = convolution(inputs, outputs, stride=stride)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.shortcut = convolution(inputs, outputs, 1, stride)[:2] if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.second(self.first(x))) + self.shortcut(x))


class ResNet(nn.Module):
    """torchvision's begins at 64 channels."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(convolution(3, 8, 7, 2), nn.MaxPool2d(3, 2, 1))
        self.layers = nn.Sequential(Residual(8, 8, 1), Residual(8, 16, 2), Residual(16, 32, 2))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(32, CLASSES)

    def forward(self, image: Tensor) -> Tensor:
        x = self.pool(self.layers(self.stem(image)))
        return self.head(torch.flatten(x, 1))


def mobilenet_v3() -> nn.Module:
    block = partial(InvertedResidualConfig, width_mult=1.0, dilation=1)
    blocks = [
        block(8, 3, 8, 8, True, "RE", 2),
        block(8, 3, 24, 12, False, "RE", 2),
        block(12, 5, 48, 16, True, "HS", 2),
        block(16, 5, 48, 16, True, "HS", 1),
    ]
    return vision.MobileNetV3(blocks, 32, num_classes=CLASSES)


def efficientnet() -> nn.Module:
    block = partial(MBConvConfig, width_mult=1.0, depth_mult=1.0)
    blocks = [
        block(1, 3, 1, 8, 8, 1),
        block(4, 3, 2, 8, 12, 2),
        block(4, 5, 2, 12, 16, 2),
    ]
    return vision.EfficientNet(blocks, dropout=0.2, num_classes=CLASSES, last_channel=32)


def convnext() -> nn.Module:
    blocks = [CNBlockConfig(12, 24, 1), CNBlockConfig(24, None, 2)]
    return vision.ConvNeXt(blocks, layer_scale=0.5, num_classes=CLASSES)


def densenet() -> nn.Module:
    return vision.DenseNet(8, (2, 3), num_init_features=16, num_classes=CLASSES)


def vit() -> nn.Module:
    return vision.VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=4, hidden_dim=32, mlp_dim=64, num_classes=CLASSES
    )


def swin() -> nn.Module:
    return vision.SwinTransformer(
        [2, 2], embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=[4, 4], num_classes=CLASSES
    )


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 84),
        nn.Tanh(),
        nn.Linear(84, CLASSES),
        nn.Softmax(1),
    )


class UNet(nn.Module):
    """Upwards once by a transposed convolution, once by interpolation."""

    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList([convolution(3, 8), convolution(8, 16), convolution(16, 32)])
        self.wider = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.up = nn.ModuleList([convolution(32, 16), convolution(24, 8)])
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        first = self.down[0](image)
        second = self.down[1](F.max_pool2d(first, 2))
        third = self.down[2](F.max_pool2d(second, 2))
        second = self.up[0](torch.cat([self.wider(third), second], 1))
        wider = F.interpolate(second, scale_factor=2, mode="bilinear", align_corners=True)
        return torch.sigmoid(self.head(self.up[1](torch.cat([wider, first], 1))))


class Segmentation(nn.Module):
    """Coarse classes, stretched to the size of the image; the class of each point."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(convolution(3, 8, 3, 2), convolution(8, 16, 3, 2))
        self.wide = nn.Conv2d(16, 16, 3, padding=2, dilation=2)
        self.whole = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 16, 1), nn.ReLU())
        self.head = nn.Conv2d(32, 5, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x = self.body(image)
        whole = F.interpolate(self.whole(x), size=x.shape[-2:], mode="bilinear", align_corners=False)
        x = self.head(torch.cat([F.relu(self.wide(x)), whole], 1))
        x = F.interpolate(x, size=image.shape[-2:], mode="bilinear", align_corners=False)
        return x, x.argmax(1)


class SuperResolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 16, 5, padding=2), nn.PReLU(16), nn.Conv2d(16, 9, 3, padding=1))
        self.shuffle = nn.PixelShuffle(3)

    def forward(self, image: Tensor) -> Tensor:
        nearest = F.interpolate(image, scale_factor=3, mode="nearest")
        return (self.shuffle(self.body(image)) + nearest).clamp(0, 1)


class Detector(nn.Module):
    """One head of anchors: boxes on a grid, and the best of them."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(convolution(3, 8, 3, 2), convolution(8, 16, 3, 2), convolution(16, 16, 3, 2))
        self.head = nn.Conv2d(16, 2 * 8, 1)
        self.register_buffer("anchors", torch.tensor([[8.0, 6.0], [20.0, 14.0]]))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.head(F.leaky_relu(self.body(image), 0.1))
        batch, _, height, width = x.shape
        x = x.view(batch, 2, 8, height, width).permute(0, 1, 3, 4, 2).sigmoid()
        rows, columns = torch.arange(height), torch.arange(width)
        grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1).float()
        middle = (x[..., :2] * 2 - 0.5 + grid) * 8
        size = (x[..., 2:4] * 2) ** 2 * self.anchors.view(1, 2, 1, 1, 2)
        boxes = torch.cat([middle - size / 2, middle + size / 2], -1).reshape(batch, -1, 4)
        scores = (x[..., 4:5] * x[..., 5:]).reshape(batch, -1, 3)
        best, label = scores.max(-1)
        best, place = best.topk(6, dim=1)
        boxes = boxes.gather(1, place.unsqueeze(-1).expand(-1, -1, 4))
        return boxes, best, label.gather(1, place)


def autoencoder() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1),
        nn.ELU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.ELU(),
        nn.Flatten(),
        nn.Linear(16 * 7 * 7, 12),
        nn.Linear(12, 16 * 7 * 7),
        nn.Unflatten(1, (16, 7, 7)),
        nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1),
        nn.SELU(),
        nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1, groups=1),
        nn.Sigmoid(),
    )


class Pooling(nn.Module):
    """Windows that do not fill the image, and activations that are seldom used."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding="same", padding_mode="reflect")
        self.second = nn.Conv2d(8, 12, (1, 5), stride=(1, 2), padding=(0, 2), groups=4)
        self.head = nn.Linear(12 * 6, CLASSES)

    def forward(self, image: Tensor) -> Tensor:
        x = F.max_pool2d(F.mish(self.first(image)), 3, 2, ceil_mode=True)
        x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        x = F.avg_pool2d(F.hardswish(self.second(x)), 2, 1, 1)
        x = F.pad(F.adaptive_avg_pool2d(x, 1), (1, 0, 2, 0), value=0.5)
        return F.log_softmax(self.head(F.softplus(x).flatten(1)), 1)


def normalized() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2),
        nn.InstanceNorm2d(8, affine=True),
        nn.GELU(),
        nn.Conv2d(8, 16, 3),
        nn.GroupNorm(4, 16),
        nn.SiLU(),
        nn.LocalResponseNorm(3),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(16, CLASSES),
    )


def video() -> nn.Module:
    return nn.Sequential(
        nn.Conv3d(3, 8, 3, padding=1),
        nn.BatchNorm3d(8),
        nn.ReLU(),
        nn.MaxPool3d((1, 2, 2)),
        nn.Conv3d(8, 8, (3, 1, 1)),
        nn.ReLU(),
        nn.AdaptiveAvgPool3d(1),
        nn.Flatten(),
        nn.Linear(8, CLASSES),
    )
