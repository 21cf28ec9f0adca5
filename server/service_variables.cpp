#include "server/service_variables.hpp"

#include <array>
#include <regex>
#include <string>

namespace corohub::server {
namespace {

struct Shape {
  std::regex name;
  std::regex value;
};

Shape shape(const std::string& name, const std::string& value) {
  return {std::regex("COROHUB_([A-Z0-9_]+_)?" + name), std::regex(value)};
}

}  // namespace

bool is_kubernetes_service_variable(std::string_view name, std::string_view value) {
  const std::string address = R"([0-9a-f.:]+)";
  const std::string port = R"([0-9]{1,5})";
  const std::string of_port = R"(PORT_[0-9]+_(TCP|UDP|SCTP))";
  const std::string url = R"((tcp|udp|sctp)://\[?)" + address + R"(\]?:)" + port;
  const std::array<Shape, 6> shapes{
      shape("SERVICE_HOST", address),       shape("SERVICE_PORT(_[A-Z0-9_]+)?", port),
      shape("(PORT|" + of_port + ")", url), shape(of_port + "_PROTO", "tcp|udp|sctp"),
      shape(of_port + "_PORT", port),       shape(of_port + "_ADDR", address)};
  for (const Shape& known : shapes)
    if (std::regex_match(name.begin(), name.end(), known.name) &&
        std::regex_match(value.begin(), value.end(), known.value))
      return true;
  return false;
}

}  // namespace corohub::server
