"""Two minutes of a lecture with each widget: what to say, what to press, what appears.

INSTRUCTORS.md (by tools/demos.py) and the gallery are made from these. Words in double quotation
marks are buttons of the widget, numbers are on its picture or under it; tests/test_gallery.py
checks both.
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
        'Press "The Gaussian" (t = 1) and ask whether the bunny is gone. Then "The picture" (t = '
        '0): nothing was lost. "Half way, with paths" (t = 0.5) shows forty ways: nearly straight, '
        "and none of them crosses another at the same time.",
    ),
    "neuron_explorer": Lecture(
        "01",
        "One neuron, three numbers",
        'Ask which of the three controls never moves a flower to the other side. "Almost a step" '
        'and "Undecided" differ only in the length of w (30 and 0.3): both times 61 of 67 are '
        'right, the losses differ. "Wrong way round" keeps the line and turns w: now 6 are right.',
    ),
    "learning_rate_explorer": Lecture(
        "02",
        "How long may a step be?",
        'Begin with "Creeps" (η = 0.05), then "Swings" (1.05), which arrives; let the room guess '
        'the rate at which it breaks, and press "Diverges" (1.2, the limit is 1.12). Now '
        '"Momentum": the limit has moved up to 1.8, not down. With "Raw petals" it is 0.0678: ask '
        "what standardising would do.",
    ),
    "gradient_explorer": Lecture(
        "03",
        "Where does the gradient go?",
        "Is the depth to blame, or the weights? With 56 layers the plain net's first gradient is "
        '1.2e-13 of the last, with 8 ("Shallow") 0.066. Back at 56 press "Other weights": the '
        'plain net keeps it, 1.0. Then "It explodes": no net loses it, but with s = 1 '
        "all gradients are near 10¹²: a skip connection alone is no insurance.",
    ),
    "slope_field_explorer": Lecture(
        "04",
        "Solvers and their limits",
        'Ask where Euler will be after thirty steps, then press "Just too long": h is 0.0417 '
        'instead of 0.038, and Euler swings out of the picture. "Implicit, ten times the step" '
        'takes no notice. "Round and out": on the oscillator no h saves Euler. "Do the foxes '
        'survive?" makes a good bet: on the exact curves they do, by Euler they nearly die out.',
    ),
    "guess_the_ode": Lecture(
        "04",
        "Guess the ODE",
        "Two teams, one curve: what is known about f from its shape alone? Each further guess "
        "costs ten points. The states of this game are its seven rounds; three buttons begin at a "
        'later one: "It lingers" (no spring does), "Two wings" (three states), "The last round": '
        "no law of the list fits; that is where 06 begins.",
    ),
    "layers_explorer": Lecture(
        "05",
        "More layers, no training",
        'Start at "Two layers, as trained" (accuracy 1.00); ask what a finer solver will make of '
        'it, then press "Two layers, more of them": 0.90. The net trained with 32 layers ("As '
        'trained") stays at 1.00 with 64 ("Curves"), but not with 2 ("Polygons", 0.88). It was '
        "close to its ODE when trained (0.34 away); the other never was (6.35).",
    ),
    "sampling_explorer": Lecture(
        "06",
        "When the clock is irregular",
        "With equal gaps three models tie: errors 0.034, 0.038, 0.029. Ask who suffers from random "
        'ones, press "Irregular": the maps err by 1.09, the neural ODE by 0.025. Then "Noisy and '
        'dense": now the noise hurts all three. "Sparse": here the maps are ahead. Exercise 06.4 '
        "goes well in pairs.",
    ),
    "flow_explorer": Lecture(
        "07",
        "A flow parts two classes",
        "Ask first whether a line can part the moons if no point may jump. Drag the time slowly, "
        'or press "Half-way": at t = 1 all points are on their side. Then "Circles in the plane": '
        '8 of 240 points are left on the wrong side. "One zero added": none.',
    ),
    "control_explorer": Lecture(
        "08",
        "Every point to its target",
        'Can a flow of the plane take these points out of their ring? Press "Arrived": all are on '
        'their targets. Then go there slowly from "Start" and follow the grey circle: it still '
        'holds the blue points; the points have parted, the disc has not left its ring. "Twice as '
        'many" shows what it costs: the largest weight is 33 instead of 16.',
    ),
    "backward_scrub_explorer": Lecture(
        "09",
        "What the way back remembers",
        '"A gentle flow" (λ = 5) first: the way back misses the start by 9.8e-08. Then "As tight '
        'as it gets": at λ = 32 even a tolerance of 1e-12 misses it by 0.84, and dL/dλ by 84 per '
        "cent. Ask what the way back does with the last digit of the end state.",
    ),
    "rho_explorer": Lecture(
        "10",
        "Is more careful better?",
        'Let the room vote, then press "Hardly held back" (ρ = 0.01): the loss rises 12 times and '
        'ends at 0.64. "Half-way" (3.16) ends at 0.0035, "Held tight" (100) never rises, but has '
        'only come down to 1.7. "Let it adapt": no rise, and 0.0002.',
    ),
    "forecast_explorer": Lecture(
        "11",
        "Weather with holes",
        'Which is worse, many short gaps or few long ones of the same total? "Half lost, one by '
        'one": ridge and the neural ODE err by 0.65. "Half lost, in long gaps": by 0.68 and 0.69; '
        'a tie, both times. "Beyond the training" shows the flow going on to 60 hours: at the '
        "second noon the climatology is nearer.",
    ),
    "cloud_explorer": Lecture(
        "12",
        "Three hundred forecasts",
        'They begin at almost one state: "Together" (t = 1, width 0.028). Ask when all will have '
        'become useless, then press "Torn" (t = 6): width 2.3, more than the whole attractor\'s '
        '1.7. "Everywhere" (t = 20): 1.5. What do they still show together? The attractor.',
    ),
    "chaos_explorer": Lecture(
        "12",
        "How long is a forecast good?",
        'A gap of 10⁻⁴ lasts 9.7 units of time; how long does 10⁻⁸ last? Press "A hair": 19.6, '
        'twice as long. With 10⁻¹² ("An atom") it is 30.1. Now the loss on the right: one valley '
        'over a horizon of 1 or 2 units, 5 over 4 ("An atom"), 138 over 10 ("Much too far").',
    ),
    "latent_explorer": Lecture(
        "13",
        "Five glimpses of a spiral",
        'Would you dare to draw the next turn? Press "Five glimpses": the samples spread by 0.08, '
        'with thirty points ("Reset") by 0.03. Then "Loud", noise 0.30 instead of 0.08: the spread '
        "stays at 0.03, and all samples are shifted alike. Ask what fans them out, and what the "
        "encoder is not told.",
    ),
    "recovery_explorer": Lecture(
        "14",
        "From network to equation",
        "Which thresholds can possibly be right, if the true coefficients are 0.9 and 0.8? Commit, "
        'then press "Bar too high": nothing is left. "More noise, lower bar" leaves seven terms '
        'instead of two. "Fewer samples, higher bar" has the right two: its curve stays on the '
        "truth twice as long as there were samples. What extrapolates is the form.",
    ),
    "density_explorer": Lecture(
        "15",
        "Density is a matter of areas",
        "Between two points that move apart, does the density rise or fall? Drag to the end, or "
        'press "Gaussian", "Half-way", "Data": the highest density is 0.16, 0.35, 0.31. Then '
        '"Equal mass": every cell holds one part in 128, all the way; where they are small, the '
        "points are dense.",
    ),
    "regularisation_explorer": Lecture(
        "16",
        "Calmer paths, fewer evaluations",
        'Which flow has the better density, and can one see it in the paths? "None", "A little", '
        '"Enough", "Too much" have a KL of 0.11, 0.08, 0.12, 0.22, while the paths get calmer all '
        "the way: kinetic energy 2.71, 0.56, 0.42, 0.22, evaluations 110, 62, 56, 44.",
    ),
    "transport_explorer": Lecture(
        "17",
        "One step of Euler",
        'Which of six flows can be run in one step? "No weight": four steps miss by 0.47, the KL '
        'is 0.13. "Straight": they miss by 0.03, the KL is 0.27. "One step" misses by 0.17, with '
        'the same KL: ask whether it is still worth running. "A little" has the best KL of the '
        "three, 0.07.",
    ),
    "crowd_explorer": Lecture(
        "18",
        "Drag the obstacle",
        'A crowd parts before an obstacle. Begin with "No price" (59 of 200 enter the disc), then '
        '"In the middle" (5). Ask whether the disc can be empty while the obstacle moves to the '
        'rim; drag it there ("At the rim"): 9 enter, and 6 pass above. As long as some pass on '
        "either side, somebody has to go between them.",
    ),
    "matching_explorer": Lecture(
        "19",
        "Who is paired with whom",
        '"One step, independent": all points go to nearly one place, and W₂ is 1.38. Ask why there '
        '(the mean of the data). "One step, OT" nearly arrives (0.27); "Sixteen, independent" does '
        "as well (0.28).",
    ),
    "noise_explorer": Lecture(
        "20",
        "What noise does to a solver",
        'Begin with "No noise" and read the slope on the right, 0.96; then "Much noise": 0.45. '
        '"Milstein" keeps 0.96, with noise. "Heun, many steps": the error is 0.98, no smaller than '
        "with few, and the slope -0.07: it solves another equation, Stratonovich's.",
    ),
    "solve_doctor": Lecture(
        "21",
        "What sets the steps?",
        "The tolerance becomes a hundred times looser: which of the four gets cheaper, at λ = 1 "
        'and at λ = 300? "Not stiff": dopri5 takes 44 evaluations. "Stiff and loose": 1256, of '
        'which stability alone asks for 1091. "Implicit" takes 600. At λ = 100 and a tolerance of '
        "1e-2 Euler takes 200 and dopri5 428: why?",
    ),
}
