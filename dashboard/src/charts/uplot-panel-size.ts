// Where a panel's field begins and ends, so that what stands under it stands under its time.
export const AXIS_PX = 46
export const RIGHT_PX = 10
