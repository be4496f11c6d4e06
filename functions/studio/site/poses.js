// What a good set of photos of a person shows.
export const POSES = ["front", "smile", "left", "right", "up", "down", "laugh", "body", "light", "clothes"];
