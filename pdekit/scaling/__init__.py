"""What training takes, measured and modelled; knows neither torch nor MPI."""

from pdekit.lazy import loader

_HERE = {
    "BreakEven": "pdekit.scaling.break_even",
    "break_evens": "pdekit.scaling.break_even",
    "what_if": "pdekit.scaling.goal.answer",
    "Cost": "pdekit.scaling.goal.cost",
    "Dragonfly": "pdekit.scaling.network.dragonfly",
    "FatTree": "pdekit.scaling.network.topologies",
    "Flat": "pdekit.scaling.network.topologies",
    "Link": "pdekit.scaling.link",
    "Machine": "pdekit.scaling.network.machines",
    "Torus": "pdekit.scaling.network.torus",
    "bisection": "pdekit.scaling.network.cables",
    "hops": "pdekit.scaling.network.cables",
    "Measurement": "pdekit.scaling.measurement",
    "Messages": "pdekit.scaling.fitted.messages",
    "Model": "pdekit.scaling.fitted.fit",
    "Prediction": "pdekit.scaling.fitted.prediction",
    "Steps": "pdekit.scaling.fitted.steps",
    "Trial": "pdekit.scaling.measurement",
    "amdahl": "pdekit.scaling.laws",
    "best": "pdekit.scaling.allreduce",
    "cheapest": "pdekit.scaling.goal.to_loss",
    "compare_measurements": "pdekit.scaling.comparison",
    "report": "pdekit.scaling.shown",
    "costs": "pdekit.scaling.goal.measured",
    "efficiency": "pdekit.scaling.laws",
    "finals": "pdekit.scaling.goal.measured",
    "fit_messages": "pdekit.scaling.fitted.messages",
    "fit_steps": "pdekit.scaling.fitted.step_fit",
    "gustafson": "pdekit.scaling.laws",
    "horovod": "pdekit.scaling.published",
    "hierarchical": "pdekit.scaling.allreduce",
    "iso_efficiency": "pdekit.scaling.laws",
    "karp_flatt": "pdekit.scaling.laws",
    "offers": "pdekit.scaling.goal.to_loss",
    "rabenseifner": "pdekit.scaling.allreduce",
    "recursive_doubling": "pdekit.scaling.allreduce",
    "ring": "pdekit.scaling.allreduce",
    "runs": "pdekit.scaling.goal.measured",
    "speed_up": "pdekit.scaling.laws",
    "time_to_loss": "pdekit.scaling.goal.to_loss",
}

__all__ = sorted(_HERE)
__getattr__ = loader(__name__, _HERE)
