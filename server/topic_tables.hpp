// The [[topic]] tables of the configuration: who may do what in which topics. Pure.
#pragma once

#include "hub/topic_rules.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

namespace corohub::server {

// The rules of the file's `topic`, in the file's order, and after them the built-in rules whose patterns the
// file does not have. Throws ConfigError with one line that names the table and the key.
std::vector<hub::TopicRule> read_topic_tables(std::string_view file_name, const toml::node& topic);

// The rules as [[topic]] tables.
std::string topic_tables_text(const std::vector<hub::TopicRule>& rules);
// What docs/CONFIGURATION.md says of [[topic]] tables.
std::string topic_tables_manual();

}  // namespace corohub::server
