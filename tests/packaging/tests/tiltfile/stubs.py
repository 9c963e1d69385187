"""Evaluates the Tiltfile without Tilt and prints what it asked for, as JSON.

A Tiltfile is Starlark, which within the node types below means the same in Python; what Starlark does not have is
refused. The built-ins have the parameters that Tilt documents (https://docs.tilt.dev/api.html), so that a misspelt one
fails here too.
"""

import ast
import json
import sys

# What both languages have. No import, class, while, try, with, f-string, `is`, nor an `if` or `for` outside a function
# that Tilt's dialect would allow but nothing here needs.
ALLOWED = (
    ast.Module, ast.Expr, ast.Assign, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Call, ast.keyword,
    ast.Name, ast.Load, ast.Store, ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.BinOp, ast.Add, ast.Mod,
)

asked = []


def noted(what, arguments):
    asked.append({"call": what, **{key: value for key, value in arguments.items() if value is not None}})


def allow_k8s_contexts(contexts):
    noted("allow_k8s_contexts", locals())


def local_resource(name, cmd="", deps=None, trigger_mode=None, auto_init=True, resource_deps=None, ignore=None,
                   serve_cmd="", links=None, labels=None, allow_parallel=False, readiness_probe=None, env=None,
                   serve_env=None, dir="", serve_dir=""):
    noted("local_resource", locals())


def k8s_custom_deploy(name, apply_cmd, delete_cmd, deps, image_selector=None, live_update=None, apply_dir=None,
                      apply_env=None, delete_dir=None, delete_env=None, container_selector=None, image_deps=None):
    noted("k8s_custom_deploy", locals())


def k8s_resource(workload="", new_name="", port_forwards=None, extra_pod_selectors=None, trigger_mode=None,
                 resource_deps=None, objects=None, auto_init=True, pod_readiness="", links=None, labels=None,
                 discovery_strategy=""):
    assert pod_readiness in ("", "ignore", "wait"), pod_readiness
    noted("k8s_resource", locals())


def probe(initial_delay_secs=0, timeout_secs=1, period_secs=10, success_threshold=1, failure_threshold=3, exec=None,
          http_get=None, tcp_socket=None):
    return {"period_secs": period_secs, "http_get": http_get}


def http_get_action(port, host="localhost", scheme="http", path=""):
    return {"port": port, "path": path}


def link(url, name=""):
    return {"url": url, "name": name}


BUILT_IN = [allow_k8s_contexts, local_resource, k8s_custom_deploy, k8s_resource, probe, http_get_action, link]


def main(path):
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read(), path)
    for node in ast.walk(tree):
        if not isinstance(node, ALLOWED):
            sys.exit(f"{path}:{getattr(node, 'lineno', '?')}: {type(node).__name__} is not Starlark, or not expected here")
    exec(compile(tree, path, "exec"), {"__builtins__": {function.__name__: function for function in BUILT_IN}})
    json.dump(asked, sys.stdout)


main(sys.argv[1])
