"""Builds the Lava process graph of ``network.net`` beside it, and runs and checks it.

Exported by hetlava, which this file does not need.
"""

import argparse
import json
import mmap
import os
import sys
from typing import Any

import h5py
import numpy as np
from lava.magma.compiler.compiler_graphs import ProcGroupDiGraphs, find_processes
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort, PyRefPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort, RefPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2HwCfg, Loihi2SimCfg
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.dense.process import DelayDense, Dense
from lava.proc.lif.models import AbstractPyLifModelFixed
from lava.proc.lif.process import LIF
from lava.utils import loihi
from lava.utils.weightutils import SignMode

HERE = os.path.dirname(os.path.abspath(__file__))
LOWERING = "vector"  # what --lif is when it is not given
NEVER = 1 << 17  # a threshold that the voltage, which saturates, cannot exceed
WORDS = ("du", "dv", "vth", "bias_mant", "bias_exp")
# the Var that is u or v of a model; that of any other is called so
VARS = {
    "delta": {"u": "residue", "v": "act"},
    "sigma": {"u": "sigma", "v": "sigma"},
    "sigma_delta": {"u": "sigma", "v": "act"},
    "rf": {"u": "real", "v": "imag"},
    "rf_iz": {"u": "real", "v": "imag"},
}
STATES = ("u", "v", "sigma", "act", "residue", "error", "real", "imag", "a_buff", "a_buf")
Record = dict[str, Any]
Records = dict[tuple[str, int], Any]  # (state, number of the population): what was recorded
Groups = list[tuple[Any, Any]]  # (neurons, process or port), one or one per level
MODELS: dict[str, Any] = {}  # makes the process of a population of another model than LIF
connect_kernel: Any = None  # joins by Convs, where a network has kernels
lists_process: Any = None  # makes a Sparse, where a network has lists of synapses


class VectorLIF(AbstractProcess):
    """Lava's LIF with du, dv and vth per neuron, (n,) each, that can be read and set."""

    def __init__(self, shape: tuple[int, ...], name: str | None = None, **words: Any) -> None:
        super().__init__(shape=shape, name=name)
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.u = Var(shape=shape, init=0)
        self.v = Var(shape=shape, init=0)
        self.du = Var(shape=shape, init=words["du"])
        self.dv = Var(shape=shape, init=words["dv"])
        self.vth = Var(shape=shape, init=words["vth"])
        self.bias_mant = Var(shape=shape, init=words["bias_mant"])
        self.bias_exp = Var(shape=shape, init=words["bias_exp"])


@implements(proc=VectorLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt", "bit_accurate_loihi")
class PyVectorLIF(AbstractPyLifModelFixed):
    """Lava's own bit-accurate arithmetic on vectors."""

    s_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    du: Any = LavaPyType(np.ndarray, np.int32, precision=12)
    dv: Any = LavaPyType(np.ndarray, np.int32, precision=12)
    vth: Any = LavaPyType(np.ndarray, np.int32, precision=17)

    def scale_threshold(self) -> None:
        """Leave the threshold as it is: it may be set between runs."""

    def spiking_activation(self) -> Any:
        """Return where the voltage exceeds the threshold."""
        return self.v > self.vth << self.vth_shift


class Player(AbstractProcess):
    """Sends spikes, (n_steps, n_samples, n), one sample after the other."""

    def __init__(self, spikes: Any) -> None:
        super().__init__(spikes=spikes)
        self.s_out = OutPort(shape=spikes.shape[2:])


@implements(proc=Player, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyPlayer(PyLoihiProcessModel):
    s_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def run_spk(self) -> None:
        spikes = self.proc_params["spikes"]
        sample, step = divmod(self.time_step - 1, len(spikes))
        self.s_out.send(spikes[step, sample].astype(np.int32))


class Recorder(AbstractProcess):
    """Writes spikes to the columns ``index`` of ``record``, (n_steps, n_samples, n)."""

    def __init__(self, record: Any, index: Any) -> None:
        super().__init__(record=record, index=index)
        self.a_in = InPort(shape=index.shape)


@implements(proc=Recorder, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyRecorder(PyLoihiProcessModel):
    a_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int32)

    def run_spk(self) -> None:
        store(self, self.a_in.recv())


class Probe(AbstractProcess):
    """Writes a Var, read after every step, to the columns ``index`` of ``record``."""

    def __init__(self, record: Any, index: Any) -> None:
        super().__init__(record=record, index=index)
        self.state = RefPort(shape=index.shape)


@implements(proc=Probe, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyProbe(PyLoihiProcessModel):
    state: Any = LavaPyType(PyRefPort.VEC_DENSE, np.int32)

    def post_guard(self) -> bool:
        return True

    def run_post_mgmt(self) -> None:
        store(self, self.state.read())


def store(model: Any, values: Any) -> None:
    """Write the values of this step to the record of a Recorder or Probe."""
    record = model.proc_params["record"]
    sample, step = divmod(model.time_step - 1, len(record))
    record[step, sample, model.proc_params["index"]] = values


def read_network(path: str) -> Record:
    """Return what the file's group ``hetlava`` holds: a header and its arrays."""
    with h5py.File(path, "r") as file:
        group = file["hetlava"]
        net: Record = json.loads(group["header"][()].tobytes())
        for k, population in enumerate(net["populations"]):
            stored = group[f"populations/{k}"]
            population.update({"model": "cuba", **population, **population.pop("options", {})})
            population.update({word: stored[word][()] for word in stored})
            population["n"] = len(next(iter(stored.values())))
            if not population.setdefault("spiking", True):
                population["vth"] = np.full_like(population["vth"], NEVER)
        for k, projection in enumerate(net["projections"]):
            stored = group[f"projections/{k}"]
            # of large networks the file may hold the halves of the weights
            unit = 1 + projection.get("halved", False)
            projection["weights"] = stored["weights"][()].astype(np.int32) * unit
            if "indptr" in stored:
                projection["lists"] = stored["post"][()], stored["indptr"][()]
            late = [stored[key][()] for key in ("delays", "synaptic_delays") if key in stored]
            projection["delays"] = late[0].astype(int) if late else None
    return net


def neuron_processes(population: Record, lif: str) -> Groups:
    """Return one process, or one stock LIF per distinct (du, dv, vth)."""
    name, n = population["name"], population["n"]
    if population["model"] in MODELS:
        return [(np.arange(n), MODELS[population["model"]](population))]
    words = {w: population[w] for w in WORDS}
    if lif == "vector":
        return [(np.arange(n), VectorLIF((n,), name=name, **words))]
    table, level = np.unique(np.stack([words[w] for w in WORDS[:3]]), axis=1, return_inverse=True)
    groups = []
    for k, (du, dv, vth) in enumerate(table.T.tolist()):
        index = np.flatnonzero(level.reshape(-1) == k)
        bias = {w: words[w][index] for w in WORDS[3:]}
        process = LIF(shape=index.shape, du=du, dv=dv, vth=vth, name=f"{name}.{k}", **bias)
        groups.append((index, process))
    return groups


def dense_parts(weights: Any, exp: int, bits: int = 0) -> list[tuple[Any, int]]:
    """Return weights and exponents whose sum is the projection and which Dense leaves alone.

    Dense clears the lowest bit of weights of mixed sign; odd ones are doubled, unless sums of
    messages of ``bits`` could overflow by that, or taken apart.
    """
    if sign_mode(weights) != SignMode.MIXED or not np.any(weights & 1):
        return [(weights, exp)]
    if not bits and -128 <= weights.min() and weights.max() <= 127:
        return [(2 * weights, exp - 1)]
    low = weights & ((1 << max(1, -exp)) - 1)
    return [(weights - low, exp), (low, exp)]


def sign_mode(weights: Any) -> Any:
    """Return the sign mode in which Dense holds the weights; only MIXED takes -256."""
    low, high = weights.min(initial=0), weights.max(initial=0)
    if low >= 0:
        return SignMode.EXCITATORY
    return SignMode.INHIBITORY if -256 < low and high <= 0 else SignMode.MIXED


def connect(sources: Groups, targets: Groups, projection: Record) -> None:
    """Join ports to processes: rows of the weights to each target, columns from each source."""
    if "input_shape" in projection:
        heard = [(rows, port_of(target, projection)) for rows, target in targets]
        connect_kernel(sources, heard, projection)
        return
    delays, bits = projection["delays"], projection.get("message_bits", 0)
    for weights, exp in dense_parts(projection["weights"], projection["weight_exp"], bits):
        if len(sources) > 1 and exp < 0 and np.any(weights % (1 << -exp)):
            sys.exit("a negative weight_exp rounds a sum over several levels: take --lif vector")
        for columns, port in sources:
            for rows, target in targets:
                options = {"weight_exp": exp, "sign_mode": sign_mode(weights)}
                options["num_message_bits"] = bits
                if "lists" in projection:
                    dense = lists_process(weights, projection, rows, columns, options)
                    port.connect(dense.s_in)
                    dense.a_out.connect(port_of(target, projection))
                    continue
                block = weights[np.ix_(rows, columns)]
                if delays is None:
                    dense = Dense(weights=block, **options)
                else:
                    late = np.broadcast_to(delays, weights.shape)[np.ix_(rows, columns)]
                    dense = DelayDense(weights=block, delays=late, **options)
                port.connect(dense.s_in)
                dense.a_out.connect(port_of(target, projection))


def port_of(process: Any, projection: Record) -> Any:
    """Return the port that a projection leads to; those of a resonator are two."""
    if hasattr(process, "a_in"):
        return process.a_in
    return (process.a_real_in, process.a_imag_in)[projection.get("port", 0)]


def build(net: Record, spikes: Any, records: Records, lif: str, board: bool) -> list[Any]:
    """Return the processes: a Player, the LIFs, and a Recorder or Probe for every record."""
    player = Player(spikes)
    processes = [player]
    inward, outward = ("PyToNxAdapter", "NxToPyAdapter") if board else (None, None)
    sources = {"input": [(np.arange(net["n_inputs"]), adapted(player.s_out, inward))]}
    targets = {p["name"]: neuron_processes(p, lif) for p in net["populations"]}
    for k, (name, groups) in enumerate(targets.items()):
        sources[name] = [(index, process.s_out) for index, process in groups]
        for index, process in groups:
            recorder = Recorder(records["spikes", k], index)
            adapted(process.s_out, outward).connect(recorder.a_in)
            processes += [process, recorder]
            for state in {state for state, n in records if n == k} - {"spikes"}:
                processes.append(Probe(records[state, k], index))
                var = VARS.get(net["populations"][k]["model"], {}).get(state, state)
                processes[-1].state.connect_var(getattr(process, var))
    for projection in net["projections"]:
        connect(sources[projection["source"]], targets[projection["target"]], projection)
    return processes


def adapted(port: Any, adapter: str | None) -> Any:
    """Return the port behind an adapter of Intel's plug-in, to a board's cores or from them."""
    if adapter is None:
        return port
    from lava.proc.embedded_io import spike

    process = getattr(spike, adapter)(shape=port.shape)
    port.connect(process.inp)
    return process.out


def run(
    net: Record, spikes: Any, *, lif: str, probes: tuple[str, ...] = (), board: bool = False
) -> Records:
    """Run every sample from rest and return the records, (n_steps, n_samples, n) each.

    Keys are (state, k) for the states spikes, u, v of population k; without probes, v is recorded
    of populations that never spike.
    """
    if not board:
        return run_graph(net, spikes, lif, probes)
    # states on a board are not set from here: every sample gets a graph of its own
    runs = [run_graph(net, one, lif, probes, True) for one in np.split(spikes, spikes.shape[1], 1)]
    return {key: np.concatenate([records[key] for records in runs], 1) for key in runs[0]}


def run_graph(
    net: Record, spikes: Any, lif: str, probes: tuple[str, ...], board: bool = False
) -> Records:
    """Build the graph, run it once per sample, and return the records."""
    records: Records = {}
    for k, population in enumerate(net["populations"]):
        shape = (*spikes.shape[:2], population["n"])
        readout = () if population["spiking"] or board else ("v",)
        for state in {"spikes", *probes, *readout}:
            records[state, k] = shared(shape)
    processes = build(net, spikes, records, lif, board)
    config = (Loihi2HwCfg if board else Loihi2SimCfg)(select_tag="fixed_pt")
    if board and not all(
        on_cores(process, config) for process in processes if isinstance(process, LIF)
    ):
        sys.exit("Loihi2HwCfg chose Lava's Python model of LIF: the plug-in has none for the cores")
    while processes and records["spikes", 0].size:
        part = find_processes(processes[0])
        processes = [process for process in processes if process not in part]
        for sample in range(spikes.shape[1]):
            if sample:
                reset(part)
            part[0].run(RunSteps(num_steps=len(spikes)), run_cfg=config)
            print(f"sample {sample + 1} of {spikes.shape[1]}", file=sys.stderr, flush=True)
        part[0].stop()
    return records


def on_cores(process: Any, config: Any) -> bool:
    """Whether a board's cores run a process, and not this machine in its stead."""
    models = ProcGroupDiGraphs._find_proc_models(process)
    return not issubclass(config.select(process, models), PyLoihiProcessModel)


def reset(processes: list[Any]) -> None:
    """Bring neurons to rest, and synapses whose spikes are on the way."""
    for process in processes:
        for state in STATES:
            if isinstance(getattr(process, state, None), Var):
                var = getattr(process, state)
                var.set(np.zeros(var.shape, np.int32))


def shared(shape: tuple[int, ...]) -> Any:
    """Return zeros in memory that Lava's processes, which are forked, share with this one."""
    size = int(np.prod(shape))
    return np.frombuffer(mmap.mmap(-1, max(1, 4 * size)), np.int32, size).reshape(shape)


def check(net: Record, lif: str, board: bool) -> int:
    """Run sample.npz, compare with what is expected there, and return the exit code."""
    with np.load(os.path.join(HERE, "sample.npz")) as sample:
        expected = {name: sample[name] for name in sample.files}
    records = run(net, expected.pop("input"), lif=lif, board=board)
    n_spikes = n_wrong = 0
    for name, wanted in expected.items():
        state, k = name.rsplit("_", 1)
        if state != "spikes" and board:
            continue  # voltages stay on a board
        n_spikes += int(np.count_nonzero(wanted)) if state == "spikes" else 0
        n_wrong += int((records[state, int(k)] != wanted).sum())
    print(f"{n_spikes} spikes, {n_wrong} differences")
    return int(n_wrong > 0)


def main() -> int:
    """Check the sample, or run other spikes."""
    parser = argparse.ArgumentParser(description="Checks the sample unless given --input.")
    parser.add_argument("--lif", choices=("vector", "levels"), default=LOWERING)
    parser.add_argument("--board", action="store_true", help="run on a Loihi 2, as --lif levels")
    parser.add_argument("--input", help=".npz with 'input', (n_steps, n_samples, n_inputs)")
    parser.add_argument("--save", help="write spikes_0, ... (u_0, v_0, ...) to this .npz")
    parser.add_argument("--probe", default="", help="u, v or u,v: traces to save")
    options = parser.parse_args()
    if options.board and not loihi.is_installed():
        print("no Loihi 2 board: Intel's plug-in lava-loihi (nxcore) is not installed here")
        return 2
    # only the stock LIF has a model for the board
    lif = "levels" if options.board else options.lif
    net = read_network(os.path.join(HERE, "network.net"))
    if not options.input:
        return check(net, lif, options.board)
    with np.load(options.input) as file:
        spikes = file["input"]
    probes = tuple(filter(None, options.probe.split(",")))
    records = run(net, spikes, lif=lif, probes=probes, board=options.board)
    if options.save:
        np.savez(options.save, **{f"{state}_{k}": value for (state, k), value in records.items()})
    counts = [
        int(np.count_nonzero(value)) for (state, _), value in records.items() if state == "spikes"
    ]
    print(f"{sum(counts)} spikes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
