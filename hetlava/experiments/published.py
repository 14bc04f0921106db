"""What the papers printed, to stand beside what is measured here.

References
----------
N. Perez-Nieves, V. C. H. Leung, P. L. Dragotti and D. F. M. Goodman, "Neural heterogeneity promotes
robust learning", Nature Communications 12:5791, 2021, table 1: test accuracy in %, mean of 10
seeds after 150 epochs, recurrent networks of 128 hidden neurons.

A. Pazderka, "The role of membrane time constant in the training of spiking neural networks:
improving accuracy by per-neuron learning", poster, TU Delft, 2024: DVS128 Gesture, test accuracy in
%, one seed, the best epoch chosen on the test set of 288 samples, so that the four lie within three
samples.
"""

from collections.abc import Mapping
from types import MappingProxyType

ROBUST_LEARNING_SOURCE = "Perez-Nieves et al., Nature Communications 12:5791 (2021), table 1"
# {data set: accuracies of HomStd, HetStd, HomHet, HetHet}
ROBUST_LEARNING: Mapping[str, tuple[str, str, str, str]] = MappingProxyType(
    {
        "nmnist": ("97.4", "97.5", "96.6", "97.3"),
        "fashion-mnist": ("80.1 ± 7.4", "87.9", "79.7 ± 7.4", "87.5"),
        "dvs-gesture": ("76.9", "79.5", "81.2", "82.1"),
        "shd": ("71.7", "73.7", "82.7", "81.7"),
        "ssc": ("49.7", "53.7", "56.6", "60.1"),
    }
)
PER_NEURON_SOURCE = (
    "Pazderka, poster, TU Delft (2024), DVS128 Gesture, one seed, chosen on the test"
)
PER_NEURON: Mapping[str, str] = MappingProxyType(
    {"layer": "95.5", "neuron": "95.1", "variance:0.01": "95.8", "variance:0.1": "96.2"}
)
POTENTIALS_SOURCE = "the same paper's supplement, table 5, SHD, full size"
# {time constants: {configuration of one potential: accuracies for threshold, rest, reset}}
POTENTIALS: Mapping[str, Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "HomStd": {
            "HomStd": ("72.8 ± 3.4", "72.8 ± 3.4", "72.8 ± 3.4"),
            "HetStd": ("71.1 ± 2.3", "69.9 ± 2.3", "70.8 ± 3.3"),
            "HomHet": ("73.7 ± 2.8", "71.6 ± 3.1", "70.5 ± 3.7"),
            "HetHet": ("73.2 ± 2.8", "72.0 ± 2.6", "69.4 ± 3.8"),
        },
        "HetHet": {
            "HomStd": ("78.9 ± 2.0", "78.9 ± 2.0", "78.9 ± 2.0"),
            "HetStd": ("79.2 ± 2.9", "74.8 ± 4.9", "79.1 ± 2.7"),
            "HomHet": ("79.1 ± 1.8", "76.1 ± 3.3", "76.4 ± 2.7"),
            "HetHet": ("79.2 ± 2.8", "74.9 ± 6.6", "75.4 ± 6.6"),
        },
    }
)
