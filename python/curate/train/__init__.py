"""The bundled trainer: the only room that imports torch."""
