/** Bounds of the scene: every size, count and time that the drawing rests on, with its unit. */

/** Least and greatest zoom (1 = 100 %). */
export const MIN_ZOOM = 0.02;
export const MAX_ZOOM = 4;

/** Greatest zoom that fit chooses by itself: a small map takes some of the room that there is. */
export const FIT_MAX_ZOOM = 1.5;

/** Free space beside and above the content when it is fitted, in CSS px; labels and boxes bring their own. */
export const FIT_MARGIN_X_PX = 12;
export const FIT_MARGIN_Y_PX = 4;

/** Milliseconds of each motion, by design-language §9. */
export const CAMERA_MS = 240;
export const DIM_MS = 120;
export const LEVEL_FADE_MS = 120;
export const BIRTH_MS = 200;
export const GONE_MS = 200;
export const FILL_MS = 300;
export const MOVE_MS = 400;

/** How long a node that left stays as a ghost, in milliseconds. */
export const GHOST_MS = 5_000;

/** Most ghosts at a time; when more leave at once, none is kept. */
export const MAX_GHOSTS = 48;

/** Most nodes that are animated one by one; above, the picture changes at once. */
export const MAX_ANIMATED_NODES = 2_000;

/** A full paint slower than this (ms) switches transitions off and previews zooms. */
export const SLOW_PAINT_MS = 24;

/** How long the camera must rest before a previewed picture is painted sharply, in ms. */
export const PREVIEW_REST_MS = 90;

/** How long the camera must rest before the button overlay follows it, in ms. */
export const OVERLAY_REST_MS = 150;

/** Most buttons in the accessible overlay. */
export const MAX_OVERLAY_NODES = 300;

/** Segments per stroke: longer paths rasterise slower, shorter ones cost calls. */
export const SEGMENTS_PER_STROKE = 16;

/** With more edges than this in view while far out, those across the whole map are left out. */
export const MAX_FAR_EDGES = 4_000;

/** Side of a cell of the spatial grid, in layout units. */
export const GRID_CELL = 256;

/** Side of a page of the sprite atlas, in device px. */
export const ATLAS_PAGE_PX = 1024;

/** Most pages per atlas; when they are full the atlas starts anew. */
export const MAX_ATLAS_PAGES = 6;

/** Dirty rectangles kept apart; more are painted as a whole. */
export const MAX_DIRTY_RECTS = 64;

/** Distance in CSS px that a pointer may move between press and release of a click. */
export const CLICK_SLOP_PX = 4;

/** Time after the first picture in which an untouched map follows its content, in ms. */
export const SETTLE_MS = 10_000;

/** Most lines between groups at a time, the strongest. */
export const MAX_LINKS = 150;
