// What a good set of photos of a person shows: every side of the face, and different expressions.
export const POSES = ["front", "smile", "frown", "half_left", "half_right", "left", "right", "body", "light", "clothes"];
