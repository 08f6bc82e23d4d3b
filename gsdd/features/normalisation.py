"""The input range of psi and of DSA: RGB in [0, 1], minus MEAN, over STD."""

# ImageNet's statistics: what pre-trained extractors expect. DSA's brightness of +-0.5 is in these units.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
