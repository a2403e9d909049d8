"""What training takes, measured and modelled; knows neither torch nor MPI."""

from pdekit.lazy import loader

_HERE = {
    "BreakEven": "pdekit.scaling.break_even",
    "break_evens": "pdekit.scaling.break_even",
    "what_if": "pdekit.scaling.answer",
    "Cost": "pdekit.scaling.cost",
    "Dragonfly": "pdekit.scaling.dragonfly",
    "FatTree": "pdekit.scaling.topologies",
    "Flat": "pdekit.scaling.topologies",
    "Link": "pdekit.scaling.link",
    "Machine": "pdekit.scaling.machines",
    "Torus": "pdekit.scaling.torus",
    "bisection": "pdekit.scaling.cables",
    "hops": "pdekit.scaling.cables",
    "Measurement": "pdekit.scaling.measurement",
    "Messages": "pdekit.scaling.messages",
    "Model": "pdekit.scaling.fit",
    "Prediction": "pdekit.scaling.prediction",
    "Steps": "pdekit.scaling.steps",
    "Trial": "pdekit.scaling.measurement",
    "amdahl": "pdekit.scaling.laws",
    "best": "pdekit.scaling.allreduce",
    "cheapest": "pdekit.scaling.to_loss",
    "compare_measurements": "pdekit.scaling.comparison",
    "report": "pdekit.scaling.shown",
    "costs": "pdekit.scaling.measured",
    "efficiency": "pdekit.scaling.laws",
    "finals": "pdekit.scaling.measured",
    "fit_messages": "pdekit.scaling.messages",
    "fit_steps": "pdekit.scaling.step_fit",
    "gustafson": "pdekit.scaling.laws",
    "hierarchical": "pdekit.scaling.allreduce",
    "iso_efficiency": "pdekit.scaling.laws",
    "karp_flatt": "pdekit.scaling.laws",
    "offers": "pdekit.scaling.to_loss",
    "rabenseifner": "pdekit.scaling.allreduce",
    "recursive_doubling": "pdekit.scaling.allreduce",
    "ring": "pdekit.scaling.allreduce",
    "runs": "pdekit.scaling.measured",
    "speed_up": "pdekit.scaling.laws",
    "time_to_loss": "pdekit.scaling.to_loss",
}

__all__ = sorted(_HERE)
__getattr__ = loader(__name__, _HERE)
