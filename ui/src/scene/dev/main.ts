import '@fontsource-variable/inter';
import '../../styles/tokens.css';
import '../../styles/base.css';
import { mount } from 'svelte';
import DevMap from './DevMap.svelte';

const target = document.getElementById('app');
if (target) mount(DevMap, { target });
