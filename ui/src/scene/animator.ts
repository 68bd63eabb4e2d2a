/** Motion of nodes: those that come, go, move, and levels that rise or fall. */

import { easeMove, progress } from './ease';
import { BIRTH_MS, FILL_MS, GHOST_MS, GONE_MS, MAX_ANIMATED_NODES, MAX_GHOSTS, MOVE_MS } from './limits';
import type { Effect, SceneModel } from './model';
import type { SceneNode } from './nodes';
import { levelRows } from './sprites';

/** What one step of motion asks to be painted. */
export interface Step {
  /** Everything: nodes are on their way. */
  all: boolean;
  /** Bodies to paint again in place. */
  readonly bodies: SceneNode[];
  /** Nodes around which to paint again, labels included. */
  readonly around: SceneNode[];
  /** Another step is due at the next frame. */
  running: boolean;
  /** When the next step is due at the latest, for what waits; 0 when nothing does. */
  wakeAt: number;
}

export interface Motion {
  /** False under reduced motion, and while pictures are slow. */
  readonly animated: boolean;
  /** Departed nodes stay a while: the change happened in the world, not in what is looked at. */
  readonly ghosts: boolean;
  /** It left because something failed. */
  readonly isFailed: (node: SceneNode) => boolean;
  readonly isVisible: (node: SceneNode) => boolean;
  /** Levels are drawn at this zoom. */
  readonly levels: boolean;
  /** Device px per layout unit. */
  readonly k: number;
}

/** Levels travel a few pixels: steps this far apart look the same as all frames, at a third of the cost. */
const LEVEL_STEP_MS = 45;
/** Levels that differ by no more rows of pixels are set at once. */
const LEAST_ROWS = 2;

export class Animator {
  readonly ghosts = new Set<SceneNode>();
  readonly #born = new Set<SceneNode>();
  readonly #levels = new Set<SceneNode>();
  readonly #moving = new Set<SceneNode>();
  #moveStart = 0;
  #levelsAt = 0;

  /** Drops everything that is under way; nodes stand where they belong. */
  finish(model: SceneModel): void {
    for (const node of this.#moving) place(model, node, node.targetX, node.targetY);
    for (const node of this.#levels) node.shownLevel = node.level;
    for (const node of this.#born) node.bornAt = 0;
    this.#moving.clear();
    this.#levels.clear();
    this.#born.clear();
    this.ghosts.clear();
  }

  /** Takes up what a change brought. */
  begin(model: SceneModel, effect: Effect, now: number, motion: Motion): void {
    this.#beginBirths(effect.added, now, motion);
    this.#beginGhosts(effect.removed, now, motion);
    for (const node of [...effect.bodies, ...effect.looks]) this.#beginLevel(node, now, motion);
    const moves = motion.animated && effect.moved.length <= MAX_ANIMATED_NODES;
    for (const node of effect.moved) {
      if (!moves) {
        place(model, node, node.targetX, node.targetY);
        continue;
      }
      node.fromX = node.x;
      node.fromY = node.y;
      this.#moving.add(node);
      this.#moveStart = now;
    }
  }

  /** One step. `k` is device px per layout unit: levels are painted when they differ by a pixel row. */
  advance(model: SceneModel, now: number, k: number): Step {
    const step: Step = { all: false, bodies: [], around: [], running: false, wakeAt: 0 };
    this.#advanceMoves(model, now, step);
    for (const node of this.#born) {
      step.around.push(node);
      if (now >= node.bornAt + BIRTH_MS) {
        node.bornAt = 0;
        this.#born.delete(node);
      } else step.running = true;
    }
    this.#advanceLevels(now, k, step);
    this.#advanceGhosts(now, step);
    return step;
  }

  #beginBirths(added: readonly SceneNode[], now: number, motion: Motion): void {
    if (!motion.animated || added.length > MAX_ANIMATED_NODES) return;
    for (const node of added) {
      if (!motion.isVisible(node)) continue;
      node.bornAt = now;
      this.#born.add(node);
    }
  }

  #beginGhosts(removed: readonly SceneNode[], now: number, motion: Motion): void {
    for (const node of removed) {
      this.#born.delete(node);
      this.#levels.delete(node);
      this.#moving.delete(node);
    }
    // Many at once is another view of things, not many deaths.
    if (!motion.ghosts || removed.length + this.ghosts.size > MAX_GHOSTS) return;
    for (const node of removed) {
      // Hosts and what is outside come and go with the connections that nothing else stands for: they did not end.
      if (node.pseudo || node.kind === 'host') continue;
      node.bornAt = 0;
      node.goneAt = now;
      node.failed = motion.isFailed(node);
      this.ghosts.add(node);
    }
  }

  #beginLevel(node: SceneNode, now: number, motion: Motion): void {
    const runs = motion.animated && motion.levels && motion.isVisible(node) && !Number.isNaN(node.level) && !Number.isNaN(node.shownLevel);
    const rows = runs ? Math.abs(levelRows(node.shape, node.level, motion.k) - levelRows(node.shape, node.shownLevel, motion.k)) : 0;
    // A step that small is not seen as motion, and every frame that is drawn costs.
    if (rows <= LEAST_ROWS) {
      node.shownLevel = node.level;
      return;
    }
    node.levelFrom = node.shownLevel;
    node.levelStart = now;
    this.#levels.add(node);
  }

  #advanceMoves(model: SceneModel, now: number, step: Step): void {
    if (this.#moving.size === 0) return;
    step.all = true;
    const t = progress(now, this.#moveStart, MOVE_MS);
    const share = easeMove(t);
    for (const node of this.#moving) {
      place(model, node, node.fromX + (node.targetX - node.fromX) * share, node.fromY + (node.targetY - node.fromY) * share);
    }
    if (t >= 1) this.#moving.clear();
    else step.running = true;
  }

  #advanceLevels(now: number, k: number, step: Step): void {
    if (this.#levels.size === 0) return;
    if (now < this.#levelsAt + LEVEL_STEP_MS) {
      step.running = true;
      return;
    }
    this.#levelsAt = now;
    for (const node of this.#levels) this.#advanceLevel(node, now, k, step);
  }

  #advanceLevel(node: SceneNode, now: number, k: number, step: Step): void {
    const before = levelRows(node.shape, node.shownLevel, k);
    const t = progress(now, node.levelStart, FILL_MS);
    node.shownLevel = t >= 1 ? node.level : node.levelFrom + (node.level - node.levelFrom) * t;
    if (levelRows(node.shape, node.shownLevel, k) !== before) step.bodies.push(node);
    if (t >= 1) this.#levels.delete(node);
    else step.running = true;
  }

  #advanceGhosts(now: number, step: Step): void {
    for (const ghost of this.ghosts) {
      const fadesAt = ghost.goneAt + GHOST_MS;
      if (now < fadesAt) {
        step.wakeAt = step.wakeAt === 0 ? fadesAt : Math.min(step.wakeAt, fadesAt);
        continue;
      }
      step.around.push(ghost);
      if (now >= fadesAt + GONE_MS) this.ghosts.delete(ghost);
      else step.running = true;
    }
  }
}

function place(model: SceneModel, node: SceneNode, x: number, y: number): void {
  node.x = x;
  node.y = y;
  if (model.nodes.get(node.id) === node) model.grid.move(node);
  model.uncurve(node);
}
