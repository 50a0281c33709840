// The board as it is sent, as the screens hold it. Pure.
import type { Board, SentBoard, SentVital, SparkPoint } from './protocol'

export function unfolded(board: SentBoard): Board {
  const patients = board.patients.map((patient) => ({
    ...patient,
    vitals: patient.vitals.map((vital) => ({ ...vital, spark: points(vital.spark) })),
  }))
  return { ...board, patients }
}

function points(spark: SentVital['spark']): SparkPoint[] {
  if (spark === null) return []
  const begins = Date.parse(spark.begins)
  return spark.value.map((value, place) => ({ at: new Date(begins + (spark.after_ms[place] ?? 0)).toISOString(), value }))
}
