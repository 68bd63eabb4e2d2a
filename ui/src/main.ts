import './lib/locale';
import '@fontsource-variable/inter';
import '@fontsource-variable/jetbrains-mono';
import './styles/tokens.css';
import './styles/base.css';
import './styles/floating.css';

import { mount } from 'svelte';

import Window from './App.svelte';
import { selectBackend } from './backend/select';
import { App } from './state/app.svelte';

async function start(target: HTMLElement): Promise<void> {
  const holder: { app?: App } = {};
  const backend = await selectBackend(() => {
    if (holder.app) holder.app.unauthorized = true;
  });
  const app = new App(backend);
  holder.app = app;
  mount(Window, { target, props: { app } });
}

const target = document.getElementById('app');
if (target) void start(target);
