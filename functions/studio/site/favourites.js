// Favourites are remembered by this browser only: the API knows nothing of them.

const PLACE = "likeness-favourites";
const known = () => new Set(JSON.parse(localStorage.getItem(PLACE) ?? "[]"));

export const isFavourite = (id) => known().has(id);

export function setFavourite(id, wanted) {
  const all = known();
  if (wanted) all.add(id); else all.delete(id);
  localStorage.setItem(PLACE, JSON.stringify([...all]));
}
