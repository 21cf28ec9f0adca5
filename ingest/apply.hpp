// What a message does here, inside a unit on the writer's thread: a flag that is known is switched, and
// whatever else is said is told to those who follow the flags of the namespace.
#pragma once

#include "flags/author.hpp"
#include "flags/flags.hpp"
#include "ingest/message.hpp"
#include "storage/unit_of_work.hpp"

namespace corohub::ingest {

// `enabled` and `disabled` switch a flag that there is, in the default environment, as a request would. Every
// other message, and a switch that changes nothing, becomes an event alone: with the real switch and version
// of a flag that there is, and with what the message says of one that there is not. A namespace that is
// missing is made, with this access. Whoever asks has the right. Errors, after which nothing of the message
// is done: limit_reached and key_taken for a namespace that cannot be made; those of flags::NamespaceEdit.
Result<> apply(storage::UnitOfWork& work, flags::Flags& flags, flags::NamespaceAccess access,
               const Message& message, flags::Author author);

}  // namespace corohub::ingest
