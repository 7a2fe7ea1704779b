import CKernels
import TensorGraph
import Tensors

// MARK: Elementwise operations, whatever the layout

extension StepBuilder {
  /// The elements of a value as elementwise kernels walk them, with the padding of its layout.
  func elements(_ value: Graph.Value) throws(LoweringError) -> (type: ck_type, count: Int64) {
    let type = layouts.storage(of: value).type
    return (type, Int64(try layouts.description(of: value).byteCount / type.byteCount))
  }

  /// One or two operands of the result's type.
  func elementwise(_ kind: ck_elementwise_kind, _ index: Int) throws(LoweringError) -> [Step] {
    let inputs = graph.nodes[index].inputs
    let (type, count) = try elements(.init(node: index))
    let (a, b) = (address(inputs[0]), address(inputs[inputs.count > 1 ? 1 : 0]))
    let y = address(.init(node: index))
    return try step(index) { unsafe ck_elementwise(kind, type, count, a.base, b.base, y.base) }
  }

  func scale(_ index: Int, _ factor: Float) throws(LoweringError) -> [Step] {
    let (type, count) = try elements(.init(node: index))
    let (x, y) = (address(graph.nodes[index].inputs[0]), address(.init(node: index)))
    return try step(index) { unsafe ck_scale(type, count, x.base, factor, y.base) }
  }

  func addScalar(_ index: Int, _ term: Float) throws(LoweringError) -> [Step] {
    let (type, count) = try elements(.init(node: index))
    let (x, y) = (address(graph.nodes[index].inputs[0]), address(.init(node: index)))
    return try step(index) { unsafe ck_add_scalar(type, count, x.base, term, y.base) }
  }

  func broadcast(_ index: Int) throws(LoweringError) -> [Step] {
    let (type, count) = try elements(.init(node: index))
    let (scalar, y) = (floats(graph.nodes[index].inputs[0]), address(.init(node: index)))
    return try step(index) { unsafe ck_fill(type, count, scalar.floats.pointee, y.base) }
  }

  /// The mean of all elements. No layout with padding reaches it, whose zeros would count.
  func mean(_ index: Int) throws(LoweringError) -> [Step] {
    let operand = graph.nodes[index].inputs[0]
    let (type, count) = (
      layouts.storage(of: operand).type, Int64(graph.shape(of: operand).elementCount)
    )
    let (x, y) = (address(operand), result(index))
    return try step(index) { unsafe y.floats.pointee = ck_mean(count, type, x.base) }
  }

  func interpolate(_ index: Int) throws(LoweringError) -> [Step] {
    let inputs = graph.nodes[index].inputs
    let count = try elements(.init(node: index)).count
    let (old, new, tau) = (floats(inputs[0]), floats(inputs[1]), floats(inputs[2]))
    let y = result(index)
    return try step(index) {
      unsafe ck_interpolate(count, old.floats, new.floats, tau.floats.pointee, y.floats)
    }
  }

  func runningAverage(_ index: Int, _ rate: Float, _ correction: Float) throws(LoweringError)
    -> [Step]
  {
    let inputs = graph.nodes[index].inputs
    let count = try elements(.init(node: index)).count
    let (old, new, y) = (floats(inputs[0]), floats(inputs[1]), result(index))
    return try step(index) {
      unsafe ck_running_average(count, old.floats, new.floats, rate, correction, y.floats)
    }
  }
}
