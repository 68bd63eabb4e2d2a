import type { ListColumn } from '../../lib/list';
import { addressOf, conditionOf, type ServiceObject, servesOf, serviceSince, serviceState, serviceTrouble } from '../../state/service-object';

/** What the list of services says, and copies and saves. */
export function serviceColumns(pluginName: (id: string) => string): ListColumn<ServiceObject>[] {
  return [
    { id: 'service', label: 'Service', text: addressOf },
    { id: 'name', label: 'Name', hidden: true, text: (service) => service.metadata.name },
    { id: 'plugin', label: 'Plugin', width: 172, text: (service) => pluginName(service.spec.pluginID) },
    { id: 'plugin-id', label: 'Plugin id', hidden: true, text: (service) => service.spec.pluginID },
    { id: 'serves', label: 'Serves', width: 190, from: 760, text: servesOf },
    { id: 'accepted', label: 'Accepted', width: 88, from: 760, text: acceptedOf },
    { id: 'state', label: 'State', width: 132, text: (service) => serviceState(service).word, key: (service) => serviceState(service).rank },
    { id: 'since', label: 'Since', width: 104, number: true, text: (service) => isoOf(serviceSince(service)), key: serviceSince },
    { id: 'why', label: 'Why', hidden: true, text: serviceTrouble },
  ];
}

/** Whether an object is in force, or why not. */
export function acceptedOf(service: ServiceObject): string {
  const accepted = conditionOf(service, 'Accepted');
  if (accepted?.status === 'False') return accepted.reason;
  return accepted?.status === 'True' ? 'Yes' : 'Not yet';
}

function isoOf(ms: number | null): string {
  return ms === null ? '' : new Date(ms).toISOString();
}
