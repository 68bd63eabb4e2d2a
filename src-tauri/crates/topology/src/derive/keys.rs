//! Names that reports use for facts and sets, as Weave Scope's probes and ours write them.

pub(crate) const HOST_NODE_ID: &str = "host_node_id";
pub(crate) const CONTROL_PROBE_ID: &str = "control_probe_id";
pub(crate) const DOES_NOT_MAKE_CONNECTIONS: &str = "does_not_make_connections";
pub(crate) const LOCAL_NETWORKS: &str = "local_networks";

pub(crate) const PID: &str = "pid";
pub(crate) const PPID: &str = "ppid";
pub(crate) const NAME: &str = "name";
pub(crate) const COPY_OF: &str = "copy_of";
pub(crate) const CONN_COUNT: &str = "conn_count";

/// Facts that only our own process probe reports.
pub(crate) const CGROUP: &str = "cgroup";
pub(crate) const UNIT: &str = "unit";
pub(crate) const USER: &str = "user";
pub(crate) const STARTED_MS: &str = "started_ms";
pub(crate) const KERNEL_THREAD: &str = "kernel_thread";
pub(crate) const OPEN_FILES_LIMITED: &str = "open_files_limited";
pub(crate) const CORES: &str = "cores";

pub(crate) const CONTAINER_ID: &str = "docker_container_id";
pub(crate) const CONTAINER_NAME: &str = "docker_container_name";
pub(crate) const CONTAINER_HOSTNAME: &str = "docker_container_hostname";
pub(crate) const CONTAINER_STATE: &str = "docker_container_state";
pub(crate) const CONTAINER_IPS_WITH_SCOPES: &str = "docker_container_ips_with_scopes";
pub(crate) const CONTAINER_PORTS: &str = "docker_container_ports";
pub(crate) const CONTAINER_IN_HOST_NETWORK: &str = "docker_is_in_host_network";
pub(crate) const LABEL_PREFIX: &str = "docker_label_";
pub(crate) const IMAGE_LABEL_PREFIX: &str = "docker_image_label_";
pub(crate) const IMAGE_ID: &str = "docker_image_id";
pub(crate) const IMAGE_NAME: &str = "docker_image_name";
pub(crate) const IMAGE_TAG: &str = "docker_image_tag";
pub(crate) const IMAGE_SIZE: &str = "docker_image_size";
pub(crate) const IMAGE_VIRTUAL_SIZE: &str = "docker_image_virtual_size";
pub(crate) const IMAGE_ROLE_LABEL: &str = "docker_image_label_works.weave.role";
pub(crate) const COMPOSE_PROJECT_LABEL: &str = "docker_label_com.docker.compose.project";
pub(crate) const STACK_LABEL: &str = "docker_label_com.docker.stack.namespace";
pub(crate) const POD_NAMESPACE_LABEL: &str = "docker_label_io.kubernetes.pod.namespace";
pub(crate) const SWARM_SERVICE_NAME: &str = "service_name";
pub(crate) const STACK_NAMESPACE: &str = "stack_namespace";

pub(crate) const K8S_NAME: &str = "kubernetes_name";
pub(crate) const K8S_NAMESPACE: &str = "kubernetes_namespace";
pub(crate) const K8S_STATE: &str = "kubernetes_state";
pub(crate) const K8S_IP: &str = "kubernetes_ip";
pub(crate) const K8S_IN_HOST_NETWORK: &str = "kubernetes_is_in_host_network";
pub(crate) const K8S_VOLUME_CLAIM: &str = "kubernetes_volume_claim";
pub(crate) const K8S_VOLUME_NAME: &str = "kubernetes_volume_name";
pub(crate) const K8S_STORAGE_CLASS: &str = "kubernetes_storage_class_name";
pub(crate) const K8S_SNAPSHOT_NAME: &str = "kubernetes_volume_snapshot_name";
/// Spelled as Scope's probe spells it.
pub(crate) const K8S_SNAPSHOT_DATA: &str = "kuberneets_snapshot_data";

pub(crate) const ECS_TASK_FAMILY: &str = "ecs_task_family";
pub(crate) const WEAVE_NICKNAME: &str = "weave_peer_nick_name";

pub(crate) const STATE_RUNNING: &str = "running";
pub(crate) const STATE_RESTARTING: &str = "restarting";
pub(crate) const STATE_PAUSED: &str = "paused";
pub(crate) const STATE_DELETED: &str = "deleted";
pub(crate) const STATE_FAILED: &str = "failed";
