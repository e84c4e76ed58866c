"""话术库: scripts with placeholders, the choice among them and its reason, search by sound, versions.

``bot`` imports what is named here and nothing deeper.
"""

from scripts_library.choose import Choice, Script, choose
from scripts_library.errors import ScriptError
from scripts_library.render import Rendered, check, render
from scripts_library.search import search

__all__ = ["Choice", "Rendered", "Script", "ScriptError", "check", "choose", "render", "search"]
