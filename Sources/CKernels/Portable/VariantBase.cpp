// The tasks for any processor of the platform.
#include "Tasks.hpp"

#include "TaskTable.hpp"

constexpr ck::Tasks ck::tasksForAnyProcessor = tasksOfVariant();
