"""What the server answers where it cannot do what is asked."""

from pydantic import BaseModel


class Problem(BaseModel):
    """What was wrong, for a person."""

    detail: str
