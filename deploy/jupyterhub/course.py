"""What the hub tells every student's server; `install` puts it where The Littlest JupyterHub looks.

COURSE_SOLUTIONS=off hides `solution(...)`, for graded work; take the line out for self-study.
"""

c = get_config()  # noqa: F821, JupyterHub defines it

c.Spawner.environment = {
    "COURSE_SOLUTIONS": "off",
    "OMP_NUM_THREADS": "1",  # a hundred students share the cores: one each, not all of them
}
