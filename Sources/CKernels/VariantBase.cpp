// The tasks for any processor of the platform.
#include "Tasks.hpp"

#include "ElementwiseTasks.hpp"
#include "NormalizationTasks.hpp"
#include "OptimizerTasks.hpp"
#include "PoolingTasks.hpp"

const ck::TaskBody ck::baseTasks[] = {
#define X(name) name,
  CK_TASKS(X)
#undef X
};
