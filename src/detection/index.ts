/** Floor 5. Intrusion signals. In this version both steps admit everything and say so. */
export { createDetection, type Detection } from './detection.ts';
