// Variables that are not meant for us although their names begin like ours. Pure.
#pragma once

#include <string_view>

namespace corohub::server {

// Kubernetes gives every container the addresses of the services of its namespace: of one named `corohub` as
// COROHUB_SERVICE_HOST, COROHUB_PORT=tcp://10.0.0.1:8080 and others of exactly these shapes, of `corohub-ws`
// as COROHUB_WS_SERVICE_HOST and so on.
bool is_kubernetes_service_variable(std::string_view name, std::string_view value);

}  // namespace corohub::server
