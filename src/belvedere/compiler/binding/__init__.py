"""Binding a network to a task: what its input takes of a picture, and how its outputs become a typed result.

Recognising looks at shapes, names and operators, never at weights. What a file does not say, above all how pictures are
normalised, is never made up: it comes from the user, who may name a family whose convention is documented, or pixels go
in as they are (0 to 255) and a note says so.
"""

from belvedere.compiler.binding.bind import Bound, Wanted, bind
from belvedere.compiler.binding.facts import Facts, facts_of
from belvedere.compiler.binding.families import FAMILIES, Family
from belvedere.compiler.binding.recognise import Recognised, recognise

__all__ = ["FAMILIES", "Bound", "Facts", "Family", "Recognised", "Wanted", "bind", "facts_of", "recognise"]
