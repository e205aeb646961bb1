// For a game: the zip with sprites, sheet, animation and notes, made by the engine.

export function games() {}
