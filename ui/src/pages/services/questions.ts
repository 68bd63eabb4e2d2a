import { toApiError } from '../../backend/backend';
import type { App } from '../../state/app.svelte';
import { addressOf, type ServiceObject } from '../../state/service-object';

/** Asks before requests to a service reach nobody any more. */
export function askDelete(app: App, service: ServiceObject): void {
  const { name } = service.metadata;
  app.ask({
    title: `Delete ${name} from ${app.live.status?.hostname ?? 'this machine'}?`,
    body: `Requests to /apis/${addressOf(service)} are not passed on any more. What is under way may end within 10 s. The plugin itself goes on.`,
    verb: `Delete ${name}`,
    run: () => void remove(app, service),
  });
}

async function remove(app: App, service: ServiceObject): Promise<void> {
  const { name } = service.metadata;
  try {
    await app.services.delete(service);
    if (app.place.service === name) app.router.go({ service: '' });
    app.say(`Deleted ${name}.`);
  } catch (thrown) {
    app.say(`${name} was not deleted. ${toApiError(thrown).message}`, true, name);
  }
}
