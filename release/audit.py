"""Look up known vulnerabilities of what is installed: ``python -m release.audit``, a part of ``make check``.

The database is osv.dev's. Where it cannot be reached, that is said and is no failure. Options are pip-audit's.
"""

import json
import subprocess
import sys

TIMEOUT_SECONDS = 300
PIP_AUDIT = ["-m", "pip_audit", "--vulnerability-service", "osv", "--format", "json", "--progress-spinner", "off"]


def audit(options: list[str]) -> tuple[bool, str]:
    """Whether nothing is known, or nothing could be looked up, and what to say of it."""
    try:
        run = subprocess.run(
            [sys.executable, *PIP_AUDIT, *options],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        packages = json.loads(run.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return True, not_looked_up(f"no answer within {TIMEOUT_SECONDS} seconds")
    except ValueError:
        return True, not_looked_up((run.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1])
    lines = [
        f"{each['name']}: not looked up ({each['skip_reason']})" for each in packages if "skip_reason" in each
    ]
    flaws = [(each, flaw) for each in packages for flaw in each.get("vulns", ())]
    for each, flaw in flaws:
        remedy = ", ".join(flaw["fix_versions"]) or "no version yet"
        lines.append(f"{each['name']} {each['version']}: {flaw['id']}, fixed in {remedy}")
    looked_up = sum("vulns" in each for each in packages)
    if not looked_up:
        return True, "\n".join([*lines, not_looked_up("no package could be")])
    return not flaws, "\n".join([*lines, f"known vulnerabilities: {len(flaws)}; packages looked up: {looked_up}"])


def not_looked_up(reason: str) -> str:
    """What is said where there is no answer."""
    return f"known vulnerabilities were NOT looked up; can the database be reached from here? {reason}"


if __name__ == "__main__":
    passed, text = audit(sys.argv[1:] or ["--local", "--skip-editable"])
    print(text)
    sys.exit(not passed)
