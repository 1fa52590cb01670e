"""A hub for `smoke.py`: on 127.0.0.1 only, made-up users, everything in one temporary folder."""

import os
import sys
from pathlib import Path

c = get_config()  # noqa: F821, JupyterHub defines it
# The settings of the real hub. (A relative path that is not found would be passed over silently.)
load_subconfig(str(Path(__file__).resolve().with_name("course.py")))  # noqa: F821

folder = Path(os.environ["SMOKE_FOLDER"])
public, hub, proxy = os.environ["SMOKE_PORTS"].split()

c.JupyterHub.bind_url = f"http://127.0.0.1:{public}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{proxy}"
c.ConfigurableHTTPProxy.command = [str(Path(sys.executable).with_name("configurable-http-proxy"))]
c.ConfigurableHTTPProxy.pid_file = str(folder / "proxy.pid")
c.JupyterHub.db_url = f"sqlite:///{folder / 'hub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(folder / "cookie_secret")

c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"  # a process of this very user, with a home of its own
c.SimpleLocalProcessSpawner.home_dir_template = str(folder / "home" / "{username}")
c.Spawner.cmd = [str(Path(sys.executable).with_name("jupyterhub-singleuser"))]
c.Spawner.args = ["--allow-root"] if os.geteuid() == 0 else []
c.Spawner.env_keep = ["PATH", "LANG", "SMOKE_MARK"]
c.Spawner.start_timeout = c.Spawner.http_timeout = 120

c.JupyterHub.services = [{"name": "smoke", "api_token": os.environ["SMOKE_TOKEN"]}]
c.JupyterHub.load_roles = [
    {
        "name": "smoke",
        "services": ["smoke"],
        "scopes": ["admin:users", "admin:servers", "access:servers"],
    }
]
