import CKernels
import COneDNN
import TensorGraph
import Tensors

// MARK: Matrix products

extension StepBuilder {
  /// Row-major `C = op(A)·op(B)`. oneDNN's matrix primitive reads a transposed second operand as it is stored. Its sgemm is
  /// faster in the other cases and several times slower in that one, but knows float32 alone.
  mutating func matrixProduct(
    _ index: Int, _ transposeFirst: Bool, _ transposeSecond: Bool
  ) throws(LoweringError) -> [Step] {
    let values = graph.nodes[index].inputs + [Graph.Value(node: index)]
    let isFloat32 = values.allSatisfy { layouts.storage(of: $0).type == ck_float32 }
    if isFloat32, transposeFirst || !transposeSecond {
      return try sgemm(index, transposeFirst, transposeSecond)
    }
    let stored = try (
      a: matrix(values[0], isTransposed: transposeFirst),
      b: matrix(values[1], isTransposed: transposeSecond),
      c: matrix(values[2], isTransposed: false)
    )
    let kernel = try engine.matrixProduct(stored.a, stored.b, stored.c)
    let scratchpad = allocate(kernel.scratchByteCount)
    let operands: [Operand] = [
      (DNNL_ARG_SRC, stored.a, address(values[0])),
      (DNNL_ARG_WEIGHTS, stored.b, address(values[1])),
      (DNNL_ARG_DST, stored.c, address(values[2])),
      (DNNL_ARG_SCRATCHPAD, kernel.layout(dnnl_query_scratchpad_md), scratchpad),
    ]
    let description = try stepDescription(index, kernel: kernel.kernelName)
    let primitive = try Primitive(
      kernel, engine: engine, name: description.name, operands)
    return [step(description, primitive)]
  }

  /// A matrix, or its transpose read where the matrix is stored.
  private func matrix(_ value: Graph.Value, isTransposed: Bool) throws(LoweringError)
    -> MemoryDescription
  {
    let (shape, type) = (graph.shape(of: value), layouts.storage(of: value).type.oneDNN)
    return isTransposed
      ? try MemoryDescription([shape[1], shape[0]], type, dnnl_ba)
      : try MemoryDescription(shape, type, dnnl_ab)
  }

  private func sgemm(_ index: Int, _ transposeFirst: Bool, _ transposeSecond: Bool)
    throws(LoweringError) -> [Step]
  {
    let node = graph.nodes[index]
    let (a, b) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.inputs[1]))
    let (left, right) = (floats(node.inputs[0]), floats(node.inputs[1]))
    let product = result(index)
    let (rows, columns) = (Int64(node.shapes[0][0]), Int64(node.shapes[0][1]))
    let inner = Int64(transposeFirst ? a[0] : a[1])
    let (first, second) = (transposition(transposeFirst), transposition(transposeSecond))
    let (strideA, strideB) = (Int64(a[1]), Int64(b[1]))
    let description = try stepDescription(index, kernel: "sgemm")
    return [
      Step(description: description) { () throws(LoweringError) in
        try unsafe check(
          dnnl_sgemm(
            first, second, rows, columns, inner, 1, left.floats, strideA, right.floats, strideB, 0,
            product.floats,
            columns), "matrix product")
      }
    ]
  }

  /// BLAS's word for a transposed operand, or one that is not.
  private func transposition(_ isTransposed: Bool) -> CChar {
    CChar(UInt8(ascii: isTransposed ? "T" : "N"))
  }
}
