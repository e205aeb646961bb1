"""Steps that run out of memory: what would fit instead."""

import torch

from gan.device import is_out_of_memory
from gan.errors import GanError
from gan.training.micro_batches import micro_batch_rows
from gan.training.trainer import Trainer


def checked_train_step(trainer: Trainer) -> None:
    """One step; GanError, with what would fit, if it runs out of memory."""
    try:
        trainer.train_step()
        return
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    # Only here, with the failed step's tensors gone, is there memory to try with.
    raise GanError(suggest_grad_accum(trainer))


def suggest_grad_accum(trainer: Trainer) -> str:
    """What to do after running out of memory; tried out unless several processes train together."""
    processes = trainer.execution.distributed.size
    share = trainer.recipe.batch // processes
    grad_accum = len(trainer.micro_batch_rows)
    message = f"out of memory with {share // grad_accum} pictures at once"
    while share % (grad_accum * 2) == 0:
        grad_accum *= 2
        if processes > 1 or step_fits_in_memory(trainer, grad_accum):
            remedy = f"add --grad-accum {grad_accum} (micro-batches of {share // grad_accum} fit)"
            return f"{message}: {remedy}, or choose a smaller --batch"
    return f"{message}: choose a smaller --batch, or a smaller --size with vgc preprocess"


def step_fits_in_memory(trainer: Trainer, grad_accum: int) -> bool:
    """Whether a step works with so many micro-batches; the trainer cannot be used any more."""
    execution = trainer.execution
    trainer.micro_batch_rows = micro_batch_rows(trainer.recipe.batch, execution.distributed, grad_accum)
    if execution.device.type == "cuda":
        torch.cuda.empty_cache()
    try:
        trainer.train_step()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True
