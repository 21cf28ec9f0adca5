#include "flags/evaluation/rule.hpp"

#include "flags/evaluation/findings.hpp"
#include "flags/evaluation/fractional.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>

namespace corohub::flags {
namespace {

constexpr std::array<std::pair<std::string_view, Op>, 41> op_words = {{
    {"var", Op::var},
    {"missing", Op::missing},
    {"missing_some", Op::missing_some},
    {"if", Op::if_},
    {"?:", Op::conditional},
    {"and", Op::and_},
    {"or", Op::or_},
    {"!", Op::not_},
    {"!!", Op::truth},
    {"==", Op::equal},
    {"!=", Op::not_equal},
    {"===", Op::same},
    {"!==", Op::not_same},
    {"<", Op::less},
    {"<=", Op::less_or_equal},
    {">", Op::greater},
    {">=", Op::greater_or_equal},
    {"+", Op::add},
    {"-", Op::subtract},
    {"*", Op::multiply},
    {"/", Op::divide},
    {"%", Op::modulo},
    {"min", Op::min},
    {"max", Op::max},
    {"merge", Op::merge},
    {"cat", Op::cat},
    {"substr", Op::substr},
    {"in", Op::in},
    {"map", Op::map},
    {"filter", Op::filter},
    {"reduce", Op::reduce},
    {"all", Op::all},
    {"none", Op::none},
    {"some", Op::some},
    {"fractional", Op::fractional},
    {"sem_ver", Op::sem_ver},
    {"starts_with", Op::starts_with},
    {"ends_with", Op::ends_with},
    {"log", Op::log},
    {"$ref", Op::ref},
    {"var", Op::var_of},  // after the other: it only has its name from here
}};

Op find_op(std::string_view word) noexcept {
  const auto found = std::ranges::find(op_words, word, &std::pair<std::string_view, Op>::first);
  return found != op_words.end() ? found->second : Op::unknown;
}

// The second argument of these sees an element of the first.
bool visits(Op op) noexcept { return op >= Op::map && op <= Op::some; }

bool is_operation(const json::value& value) noexcept {
  const json::object* const object = value.if_object();
  return object != nullptr && object->size() == 1;
}

bool is_constant(const json::value& value) noexcept {
  if (const json::array* const list = value.if_array()) return std::ranges::all_of(*list, is_constant);
  return !is_operation(value);
}

bool is_path_literal(const json::value& value) noexcept {
  return value.is_string() || value.is_number() || value.is_null();
}

// What walks the rule before it is compiled: how many bytes its texts have, and which segments it names.
struct Survey {
  std::size_t text_bytes = 0;
  std::vector<std::string> segments{};

  void visit(const json::value& value) {
    if (const json::string* const text = value.if_string()) text_bytes += text->size();
    if (value.is_number()) text_bytes += number_text_bytes_max;  // it may be a path
    if (const json::array* const list = value.if_array())
      for (const json::value& element : *list) visit(element);
    if (const json::object* const object = value.if_object()) {
      for (const auto& member : *object) {
        text_bytes += member.key().size();
        visit(member.value());
      }
      if (is_operation(value) && object->begin()->key() == "$ref" && object->begin()->value().is_string())
        segments.emplace_back(std::string_view(object->begin()->value().get_string()));
    }
  }
};

}  // namespace

class Compiler {
 public:
  explicit Compiler(Rule& rule) : rule_(rule) {}

  void run(const json::value& value) {
    Survey survey;
    survey.visit(value);
    std::ranges::sort(survey.segments);
    const auto [same, end] = std::ranges::unique(survey.segments);
    survey.segments.erase(same, end);
    rule_.segments_ = std::move(survey.segments);
    rule_.texts_bytes_ = survey.text_bytes;
    rule_.texts_ = std::make_unique_for_overwrite<char[]>(survey.text_bytes);
    rule_.nodes_.emplace_back();
    compile(value, 0);
    rule_.nodes_.shrink_to_fit();
    rule_.path_parts_.shrink_to_fit();
    rule_.paths_.shrink_to_fit();
  }

 private:
  Node& node(std::uint32_t index) noexcept { return rule_.nodes_[index]; }

  std::string_view keep(std::string_view text) {
    if (used_ + text.size() > rule_.texts_bytes_) throw std::logic_error("a text of the rule is kept twice");
    char* const place = rule_.texts_.get() + used_;
    std::ranges::copy(text, place);
    used_ += text.size();
    return {place, text.size()};
  }

  Value constant(const json::value& value) {
    if (value.is_string()) return Value(keep(value.get_string()));
    if (const json::array* const list = value.if_array()) {
      std::vector<Value> values;
      values.reserve(list->size());
      for (const json::value& element : *list) values.push_back(constant(element));
      rule_.lists_.push_back(std::move(values));
      return {rule_.lists_.back().data(), rule_.lists_.back().size()};
    }
    if (!value.is_object()) return Value(value);
    rule_.objects_.push_back(std::make_unique<const json::value>(value));
    return Value(*rule_.objects_.back());
  }

  void compile(const json::value& value, std::uint32_t index) {
    if (is_constant(value)) {
      node(index).value = constant(value);
    } else if (value.is_array()) {
      node(index).op = Op::list;
      compile_arguments(value, index);
    } else {
      const auto& member = *value.get_object().begin();
      compile_operation(member.key(), member.value(), index);
    }
  }

  void compile_operation(std::string_view word, const json::value& arguments, std::uint32_t index) {
    node(index).op = find_op(word);
    switch (node(index).op) {
      case Op::unknown:
        node(index).value = Value(keep(word));
        return;
      case Op::ref:
        return compile_reference(arguments, index);
      case Op::var:
        return compile_variable(arguments, index);
      case Op::fractional:
        if (compile_known_buckets(arguments, index)) return;
        break;
      case Op::sem_ver:
        if (compile_known_version(arguments, index)) return;
        break;
      default:
        break;
    }
    compile_arguments(arguments, index);
  }

  // Room for so many arguments, next to each other.
  std::uint32_t add_arguments(std::uint32_t index, std::size_t count) {
    const auto first = static_cast<std::uint32_t>(rule_.nodes_.size());
    rule_.nodes_.resize(rule_.nodes_.size() + count);
    for (std::uint32_t i = first; i < rule_.nodes_.size(); ++i) node(i).parent = index;
    node(index).first = first;
    node(index).count = static_cast<std::uint32_t>(count);
    return first;
  }

  void compile_arguments(const json::value& arguments, std::uint32_t index) {
    const json::array* const list = arguments.if_array();
    node(index).takes_list = list != nullptr;
    const std::uint32_t first = add_arguments(index, list != nullptr ? list->size() : 1);
    if (list == nullptr) return compile(arguments, first);
    for (std::uint32_t i = 0; i < list->size(); ++i) {
      const bool was_inside =
          std::exchange(inside_element_, inside_element_ || (i == 1 && visits(node(index).op)));
      compile((*list)[i], first + i);
      inside_element_ = was_inside;
    }
  }

  void compile_reference(const json::value& name, std::uint32_t index) {
    if (!name.is_string()) {
      node(index).op = Op::unknown;
      node(index).value = Value(keep("$ref"));
      return;
    }
    const auto found =
        std::ranges::lower_bound(rule_.segments_, std::string_view(name.get_string()), {},
                                 [](const std::string& one) -> std::string_view { return one; });
    node(index).extra = static_cast<std::uint32_t>(found - rule_.segments_.begin());
  }

  void compile_variable(const json::value& arguments, std::uint32_t index) {
    const json::array* const list = arguments.if_array();
    const bool is_known =
        list != nullptr ? list->empty() || is_path_literal(list->front()) : is_path_literal(arguments);
    if (!is_known) {
      node(index).op = Op::var_of;
      rule_.reads_time_ = rule_.reads_time_ || !inside_element_;
      return compile_arguments(arguments, index);
    }
    static const json::value whole;
    node(index).extra = add_path(list == nullptr ? arguments : list->empty() ? whole : list->front());
    node(index).takes_list = list != nullptr;
    if (list != nullptr && list->size() > 1) {
      const std::uint32_t first = add_arguments(index, 1);
      compile((*list)[1], first);
    }
  }

  std::uint32_t add_path(const json::value& literal) {
    TextRoom room;
    const std::string_view text =
        keep(literal.is_null() ? std::string_view() : *text_of(Value(literal), room));
    Rule::Path path{static_cast<std::uint32_t>(rule_.path_parts_.size()), 0};
    for (std::string_view rest = text; !rest.empty();) {
      const std::size_t end = std::min(rest.find('.'), rest.size());
      if (end > 0) rule_.path_parts_.push_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    path.count = static_cast<std::uint32_t>(rule_.path_parts_.size()) - path.first;
    note_time(path);
    rule_.paths_.push_back(path);
    return static_cast<std::uint32_t>(rule_.paths_.size() - 1);
  }

  void note_time(const Rule::Path& path) noexcept {
    if (inside_element_) return;
    const auto part = [&](std::size_t i) { return rule_.path_parts_[path.first + i]; };
    const bool reads =
        path.count == 0 || (part(0) == "$flagd" && (path.count == 1 || part(1) == "timestamp"));
    rule_.reads_time_ = rule_.reads_time_ || reads;
  }

  bool compile_known_buckets(const json::value& arguments, std::uint32_t index) {
    const json::array* const list = arguments.if_array();
    if (list == nullptr || list->empty()) return false;
    const json::value& first = list->front();
    const bool has_key = is_operation(first) || first.is_string() || first.is_null();
    Buckets buckets;
    for (std::size_t i = has_key ? 1 : 0; i < list->size(); ++i) {
      if (!is_constant((*list)[i])) return false;
      const std::optional<Bucket> bucket = read_bucket(Value((*list)[i]));
      if (!bucket) return false;
      buckets.each.push_back(*bucket);
      buckets.total += bucket->weight;
    }
    for (Bucket& one : buckets.each)  // their texts are the document's, which goes
      if (one.variant.is_text()) one.variant = Value(keep(one.variant.text()));
    node(index).takes_list = true;
    node(index).extra = static_cast<std::uint32_t>(rule_.buckets_.size());
    rule_.buckets_.push_back(std::move(buckets));
    if (has_key) {
      const std::uint32_t key = add_arguments(index, 1);
      compile(first, key);
    }
    return true;
  }

  bool compile_known_version(const json::value& arguments, std::uint32_t index) {
    const json::array* const list = arguments.if_array();
    if (list == nullptr || list->size() != 3 || !(*list)[1].is_string() || !(*list)[2].is_string())
      return false;
    const std::optional<VersionRelation> relation = parse_version_relation((*list)[1].get_string());
    if (!relation || !parse_version((*list)[2].get_string())) return false;
    const std::string_view text = keep((*list)[2].get_string());
    node(index).takes_list = true;
    node(index).extra = static_cast<std::uint32_t>(rule_.versions_.size());
    rule_.versions_.push_back({*parse_version(text), *relation});
    const std::uint32_t first = add_arguments(index, 1);
    compile((*list)[0], first);
    return true;
  }

  Rule& rule_;
  std::size_t used_ = 0;  // of the texts
  bool inside_element_ = false;
};

std::shared_ptr<const Rule> Rule::compile(const json::value& value) {
  const std::shared_ptr<Rule> rule(new Rule);
  Compiler(*rule).run(value);
  return rule;
}

std::span<const std::string_view> Rule::path(const Node& var) const noexcept {
  const Path& path = paths_[var.extra];
  return {path_parts_.data() + path.first, path.count};
}

std::string Rule::path_text(const Node& var) const {
  std::string text;
  for (const std::string_view part : path(var)) text.append(text.empty() ? "" : ".").append(part);
  return text;
}

std::string_view name(Op op) noexcept {
  const auto found = std::ranges::find(op_words, op, &std::pair<std::string_view, Op>::second);
  return found != op_words.end() ? found->first : std::string_view();
}

std::string Rule::pointer(const Node& node) const {
  std::string pointer;
  for (const Node* at = &node; at->parent != Node::none;) {
    const Node& parent = nodes_[at->parent];
    std::size_t position = static_cast<std::size_t>(at - nodes_.data()) - parent.first;
    if (parent.op == Op::var) position = 1;  // its path is no argument any more
    std::string step;
    if (parent.op != Op::list) append_pointer_step(step, name(parent.op));
    if (parent.takes_list) step.append("/").append(std::to_string(position));
    pointer.insert(0, step);
    at = &parent;
  }
  return pointer;
}

}  // namespace corohub::flags
