"""Outcomes that no training made, for what only counts and draws them."""

import numpy as np
import pytest

from hetlava.experiments.trials import Outcome, scale_name


def outcome_for(trial, accuracy=None):
    """An outcome of a trial, drawn from a generator that its seed and time constants seed."""
    config = trial.config
    rng = np.random.default_rng([config.seed, len(config.tau_mem), len(config.learn_tau)])
    shares = np.sort(rng.uniform(0.3, 0.9, config.epochs))
    shares = shares if accuracy is None else np.full(config.epochs, accuracy)
    n_layers = len(config.hidden) + 1
    taus = [{kind: list(rng.gamma(3, 5, 12)) for kind in ("mem", "syn")} for _ in range(n_layers)]
    same = [{kind: [20.0] * 12 for kind in ("mem", "syn")} for _ in range(n_layers)]
    return Outcome(
        accuracies={scale_name(s): float(shares[-1]) for s in trial.test_scales},
        n_test=100,
        train_curve=tuple(shares.tolist()),
        test_curve=tuple(shares.tolist()),
        variances=tuple((float(k),) * n_layers for k in rng.uniform(1, 3, config.epochs + 1)),
        before=tuple(same if config.tau_mem.startswith("constant") else taus),
        after=tuple(taus),
        seconds=1.0,
        cpu_seconds=0.5,
    )


@pytest.fixture
def outcomes_of():
    """``outcomes_of(plan, options)`` gives rows and outcomes of a plan that nothing was run for."""

    def made(plan, options):
        outcomes = {}
        while True:
            rows = plan(options, outcomes)
            left = [t for row in rows for t in row.trials if t not in outcomes]
            if not left:
                return rows, outcomes
            outcomes |= {trial: outcome_for(trial) for trial in left}

    return made
