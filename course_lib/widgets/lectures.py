"""Two minutes of a lecture with each widget: what to say, what to press, what appears.

INSTRUCTORS.md's table and the gallery are made from these. Words in double quotation marks are
buttons of the widget, which tests/test_gallery.py checks.
"""

from typing import NamedTuple

__all__ = ["LECTURES", "Lecture"]


class Lecture(NamedTuple):
    """A widget's notebook, what it is about in a few words, and what to do with it."""

    notebook: str
    title: str
    script: str


LECTURES = {
    "bunny_flow_explorer": Lecture(
        "00",
        "A bunny dissolves and returns",
        'Press "The Gaussian" and ask whether the bunny is gone. Then "The picture": nothing was '
        'lost. "Half way, with paths" shows forty ways: nearly straight, and none of them crosses '
        "another at the same time.",
    ),
    "neuron_explorer": Lecture(
        "01",
        "One neuron, three numbers",
        "Ask which of the three controls never moves a flower to the other side. "
        '"Almost a step" and "Undecided" differ only in the length of w. "Wrong way round" keeps '
        "the line and turns w: now every flower is taken for the other species.",
    ),
    "learning_rate_explorer": Lecture(
        "02",
        "How long may a step be?",
        'Begin with "Creeps", then "Swings"; let the room guess the rate at which it breaks, and '
        'press "Diverges". Now "Momentum": the border on the right has moved up, not down. End '
        'with "Raw petals" and ask what standardising would do.',
    ),
    "gradient_explorer": Lecture(
        "03",
        "Where does the gradient go?",
        'Is the depth to blame, or the weights? "Shallow" (8 layers) hurts little. '
        'Back at 56 layers press "Other weights": the plain net keeps its gradient too. Then "It '
        'explodes": a skip connection alone is no insurance.',
    ),
    "slope_field_explorer": Lecture(
        "04",
        "Solvers and their limits",
        'Ask where Euler will be after thirty steps, then move h across 0.04 ("Just too long"). '
        '"Implicit, ten times the step" takes no notice. "Round and out": on the oscillator no h '
        'saves Euler. "Do the foxes survive?" makes a good bet.',
    ),
    "guess_the_ode": Lecture(
        "04",
        "Guess the ODE",
        "Two teams, one curve: what is known about f from its shape alone? Each further guess "
        "costs ten points. No law of the list fits the last round; that is where 06 begins.",
    ),
    "layers_explorer": Lecture(
        "05",
        "More layers, no training",
        'Start at "Two layers, as trained"; ask what a finer solver will make of it, then press '
        '"Two layers, more of them". The net trained with 32 layers ("Polygons", "Curves") does '
        "not mind: it is an ODE, the other is not.",
    ),
    "sampling_explorer": Lecture(
        "06",
        "When the clock is irregular",
        'With equal gaps three models tie. Ask who suffers from random ones, press "Irregular". '
        'Then "Noisy and dense": now the noise hurts all three. Exercise 06.4 goes well in pairs.',
    ),
    "flow_explorer": Lecture(
        "07",
        "A flow parts two classes",
        "Ask first whether a line can part the moons if no point may jump. Drag the time slowly. "
        'Then "Circles in the plane" (it can\'t) and "One zero added" (it can).',
    ),
    "control_explorer": Lecture(
        "08",
        "Every point to its target",
        'Can a flow of the plane take these points out of their ring? Press "Arrived". Then '
        'follow the grey circle: the points have left, the disc has not. "Twice as many" shows '
        "what it costs.",
    ),
    "backward_scrub_explorer": Lecture(
        "09",
        "What the way back remembers",
        '"A gentle flow" first, then "As tight as it gets": even at the tightest tolerance the way '
        "back loses the start. Ask what it does with the last digit of the end state.",
    ),
    "rho_explorer": Lecture(
        "10",
        "Is more careful better?",
        'Let the room vote, then ρ = 0.01 ("Hardly held back"), 3.2 ("Half-way"), 100 ("Held '
        'tight"), and "Let it adapt". Too little swings, too much stands still.',
    ),
    "forecast_explorer": Lecture(
        "11",
        "Weather with holes",
        'Which is worse, many short gaps or few long ones of the same total? "Half lost, one by '
        'one", then "Half lost, in long gaps". "Beyond the training" shows the flow going on past '
        "24 hours, and what its forecast is worth there.",
    ),
    "cloud_explorer": Lecture(
        "12",
        "Three hundred forecasts",
        'They begin at almost one state: "Together". Ask when all will have become useless, then '
        'press "Torn" and "Everywhere". What do they still show together? The attractor.',
    ),
    "chaos_explorer": Lecture(
        "12",
        "How long is a forecast good?",
        "A gap of 10⁻⁴ lasts about ten units of time; how long does 10⁻⁸ last? Raise k by four. "
        "Then lengthen the training horizon until the valley of the loss breaks up.",
    ),
    "latent_explorer": Lecture(
        "13",
        "Five glimpses of a spiral",
        'Would you dare to draw the next turn? Press "Five glimpses", then "Loud": ask why noise '
        "moves the samples together instead of apart.",
    ),
    "recovery_explorer": Lecture(
        "14",
        "From network to equation",
        "Which thresholds can possibly be right, if the true coefficients are 0.9 and 0.8? Commit, "
        'then "More noise, lower bar" and "Bar too high". What extrapolates is the form.',
    ),
    "density_explorer": Lecture(
        "15",
        "Density is a matter of areas",
        "Between two points that move apart, does the density rise or fall? Drag to the end, then "
        '"Equal mass": every cell holds one part in 128, all the way.',
    ),
    "regularisation_explorer": Lecture(
        "16",
        "Calmer paths, fewer evaluations",
        'Which flow has the better density, and can one see it in the paths? "None", "A little", '
        '"Enough", "Too much", with an eye on the KL in the line below.',
    ),
    "transport_explorer": Lecture(
        "17",
        "One step of Euler",
        'Which of six flows can be run in one step? Press "No weight", then "Straight", then "One '
        'step"; read the KL each time, and ask whether it is still worth running.',
    ),
    "crowd_explorer": Lecture(
        "18",
        "Drag the obstacle",
        'A crowd parts before an obstacle. Begin with "No price", then "In the middle". Drag the '
        'obstacle to the rim ("At the rim"): is the disc ever empty? As long as some pass on '
        "either side, somebody has to go between them.",
    ),
    "matching_explorer": Lecture(
        "19",
        "Who is paired with whom",
        '"One step, independent": all points go to nearly one place. Ask why there (the mean of '
        'the data). "One step, OT" nearly arrives; "Sixteen, independent" does as well.',
    ),
    "noise_explorer": Lecture(
        "20",
        "What noise does to a solver",
        'Begin with "No noise" and read the slope on the right, then "Much noise". "Milstein" '
        'keeps slope 1. "Heun, many steps" is as wrong as with few: it solves another equation, '
        "Stratonovich's.",
    ),
    "solve_doctor": Lecture(
        "21",
        "What sets the steps?",
        "The tolerance becomes a hundred times looser: which of the four gets cheaper, at λ = 1 "
        'and at λ = 300? Press "Not stiff", then "Stiff and loose", then "Implicit". At λ = 100 '
        "and a tolerance of 1e-2 Euler is cheaper than dopri5: why?",
    ),
}
